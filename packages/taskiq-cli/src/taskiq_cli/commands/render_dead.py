"""Dead letters as tables and JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taskiq_cli.commands.render_message import content_fields, content_object
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import fields, lines, one_line, shortened

if TYPE_CHECKING:
    from taskiq_core.abc.formatter import TaskiqFormatter
    from taskiq_core.messages.queue_stats import DeadLetter

_REASON_WIDTH = 60


def overview(letters: "Sequence[DeadLetter]") -> str:
    """One line for each."""
    rows = [
        (
            one_line(letter.letter_id),
            one_line(letter.task_name),
            one_line(letter.task_id),
            str(letter.attempt),
            _moment(letter),
            shortened(letter.reason, _REASON_WIDTH),
        )
        for letter in letters
    ]
    return table(("ID", "TASK", "TASK ID", "ATTEMPT", "BURIED AT", "REASON"), rows)


def summary(letter: "DeadLetter") -> dict[str, Any]:
    """What its broker says of a letter, for JSON."""
    return {
        "letter_id": letter.letter_id,
        "task_id": letter.task_id,
        "task_name": letter.task_name,
        "attempt": letter.attempt,
        "reason": letter.reason,
        "error": letter.error,
        "buried_at": letter.buried_at,
        "size": len(letter.message),
    }


def whole(letter: "DeadLetter", formatter: "TaskiqFormatter") -> dict[str, Any]:
    """`summary` with the content of the message, or with its bytes if they can't be read."""
    return {**summary(letter), **content_object(letter.message, formatter)}


def details(letter: "DeadLetter", formatter: "TaskiqFormatter") -> str:
    """All of a letter, as text."""
    pairs = {
        "id": one_line(letter.letter_id),
        "task": one_line(letter.task_name),
        "task id": one_line(letter.task_id),
        "attempt": str(letter.attempt),
        "buried at": _moment(letter),
        "reason": lines(letter.reason),
        "error": lines(letter.error or "-"),
        "size": f"{len(letter.message)} bytes",
    }
    return fields({**pairs, **content_fields(letter.message, formatter)})


def _moment(letter: "DeadLetter") -> str:
    return f"{letter.buried_at:%Y-%m-%d %H:%M:%S} UTC"
