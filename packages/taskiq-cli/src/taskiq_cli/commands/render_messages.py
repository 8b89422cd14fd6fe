"""Messages as tables, field by field, and as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from taskiq_cli.commands.render_message import content_fields, content_object
from taskiq_cli.commands.units import age_text, moment_text, size_text, time_left_text
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import fields, lines, one_line, plain, shortened

if TYPE_CHECKING:
    from taskiq_core.abc.formatter import TaskiqFormatter
    from taskiq_core.messages.message_info import MessageInfo

_REASON_WIDTH = 60


def message_table(messages: "Sequence[MessageInfo]") -> str:
    """Return one line for each message; empty if there is no message."""
    if not messages:
        return ""
    now = datetime.now(UTC)
    rows = [
        (
            one_line(each.task_id),
            one_line(each.task_name),
            one_line(each.queue) or "-",
            each.state.value,
            age_text(each.sent_at, now),
            str(each.attempt),
            size_text(each.size),
            _remark(each, now) or "-",
        )
        for each in messages
    ]
    header = ("TASK ID", "TASK", "QUEUE", "STATE", "AGE", "ATTEMPT", "SIZE", "REMARK")
    return table(header, rows)


def message_details(messages: "Sequence[MessageInfo]", formatter: "TaskiqFormatter") -> str:
    """Return all of each message, as text."""
    return "\n\n".join(_details(each, formatter) for each in messages)


def as_object(message: "MessageInfo", formatter: "TaskiqFormatter") -> dict[str, Any]:
    """Return a message for JSON; with its content, if it has its body."""
    found: dict[str, Any] = plain(message)
    body = message.body
    del found["body"]
    return found if body is None else {**found, **content_object(body, formatter)}


def _remark(message: "MessageInfo", now: datetime) -> str:
    """Return what matters about a message in its state, in one line."""
    parts: list[str] = []
    if message.due_at is not None:
        parts.append(f"due in {time_left_text(message.due_at, now)}")
    if message.owner:
        parts.append(f"at {one_line(message.owner)}")
    if message.lease_until is not None:
        parts.append(f"lease ends in {time_left_text(message.lease_until, now)}")
    if message.priority:
        parts.append(f"priority {message.priority}")
    if message.unique_key is not None:
        parts.append(f"key {one_line(message.unique_key)}")
    if message.reason is not None:
        parts.append(shortened(message.reason, _REASON_WIDTH))
    return ", ".join(parts)


def _details(message: "MessageInfo", formatter: "TaskiqFormatter") -> str:
    pairs = {
        "task id": one_line(message.task_id),
        "task": one_line(message.task_name),
        "queue": one_line(message.queue) or "-",
        "state": message.state.value,
        "sent at": moment_text(message.sent_at),
        "attempt": str(message.attempt),
        "priority": str(message.priority),
        "unique key": one_line(message.unique_key or "-"),
        "size": f"{message.size} bytes",
    }
    if message.due_at is not None:
        pairs["due at"] = moment_text(message.due_at)
    if message.owner:
        pairs["worker"] = one_line(message.owner)
    if message.lease_until is not None:
        pairs["lease until"] = moment_text(message.lease_until)
    if message.reason is not None:
        pairs["reason"] = lines(message.reason)
        pairs["error"] = lines(message.error or "-")
    if message.body is not None:
        pairs |= content_fields(message.body, formatter)
    return fields(pairs)
