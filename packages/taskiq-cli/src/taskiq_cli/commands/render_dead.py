"""Dead letters as tables and JSON."""

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taskiq_cli.tables import table
from taskiq_cli.terminal_text import fields, lines, one_line, shortened

if TYPE_CHECKING:
    from taskiq_core.abc.formatter import TaskiqFormatter
    from taskiq_core.messages.message import TaskiqMessage
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
    message, problem = _read(letter, formatter)
    if message is None:
        return {**summary(letter), "unreadable": problem, "raw": b64encode(letter.message).decode()}
    return {
        **summary(letter),
        "labels": message.labels,
        "args": message.args,
        "kwargs": message.kwargs,
    }


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
    message, problem = _read(letter, formatter)
    if message is None:
        pairs["unreadable"] = lines(problem)
        pairs["raw bytes"] = one_line(letter.message.decode(errors="backslashreplace"))
    else:
        pairs["labels"] = _named(message.labels)
        pairs["args"] = "\n".join(map(_value, message.args)) or "-"
        pairs["kwargs"] = _named(message.kwargs)
    return fields(pairs)


def _read(letter: "DeadLetter", formatter: "TaskiqFormatter") -> "tuple[TaskiqMessage | None, str]":
    try:
        message = formatter.loads(letter.message)
        message.parse_labels()
    except Exception as error:  # noqa: BLE001  # bytes from the network, and anybody's formatter
        return None, f"{type(error).__name__}: {error}"
    return message, ""


def _moment(letter: "DeadLetter") -> str:
    return f"{letter.buried_at:%Y-%m-%d %H:%M:%S} UTC"


def _named(values: dict[str, Any]) -> str:
    return "\n".join(f"{one_line(name)}={_value(value)}" for name, value in values.items()) or "-"


def _value(value: object) -> str:
    return one_line(repr(value))
