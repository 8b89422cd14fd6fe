"""The content of a message: labels and arguments, or its bytes where they can't be read."""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from taskiq_cli.terminal_text import lines, one_line

if TYPE_CHECKING:
    from taskiq_core.abc.formatter import TaskiqFormatter
    from taskiq_core.messages.message import TaskiqMessage


def content_object(body: bytes, formatter: "TaskiqFormatter") -> dict[str, Any]:
    """Return the content of a message for JSON."""
    message, problem = _read(body, formatter)
    if message is None:
        return {"unreadable": problem, "raw": b64encode(body).decode()}
    return {"labels": message.labels, "args": message.args, "kwargs": message.kwargs}


def content_fields(body: bytes, formatter: "TaskiqFormatter") -> dict[str, str]:
    """Return the content of a message as texts by name."""
    message, problem = _read(body, formatter)
    if message is None:
        return {
            "unreadable": lines(problem),
            "raw bytes": one_line(body.decode(errors="backslashreplace")),
        }
    return {
        "labels": _named(message.labels),
        "args": "\n".join(map(_value, message.args)) or "-",
        "kwargs": _named(message.kwargs),
    }


def _read(body: bytes, formatter: "TaskiqFormatter") -> "tuple[TaskiqMessage | None, str]":
    try:
        message = formatter.loads(body)
        message.parse_labels()
    except Exception as error:  # noqa: BLE001  # bytes from the network, and anybody's formatter
        return None, f"{type(error).__name__}: {error}"
    return message, ""


def _named(values: dict[str, Any]) -> str:
    return "\n".join(f"{one_line(name)}={_value(value)}" for name, value in values.items()) or "-"


def _value(value: object) -> str:
    return one_line(repr(value))
