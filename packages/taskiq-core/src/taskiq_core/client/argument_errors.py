"""Finding out which argument of a message can't be serialized, for the error that says so."""

from collections.abc import Callable, Iterator
from typing import Any

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.exceptions import SendTaskError, TaskArgumentError
from taskiq_core.messages.message import TaskiqMessage


def explain_unsendable(
    message: TaskiqMessage,
    formatter: TaskiqFormatter,
    error: Exception,
) -> SendTaskError:
    """The error for a message that its formatter refused.

    Args:
        message: what was to be sent.
        formatter: tried with one argument at a time, to find the one at fault.
        error: what it raised for the whole message.
    """
    for description, part in _parts(message):
        failure = _failure(formatter.dumps, part)
        if failure is not None:
            return TaskArgumentError(
                task_name=message.task_name,
                argument=description,
                reason=str(failure),
            )
    return SendTaskError(task_name=message.task_name, reason=f"it can't be formatted ({error})")


def _parts(message: TaskiqMessage) -> Iterator[tuple[str, TaskiqMessage]]:
    for number, value in enumerate(message.args, start=1):
        yield f"number {number} ({_kind(value)})", _with(message, args=[value], kwargs={})
    for name, value in message.kwargs.items():
        yield f"{name!r} ({_kind(value)})", _with(message, args=[], kwargs={name: value})


def _with(message: TaskiqMessage, **changes: Any) -> TaskiqMessage:
    return message.model_copy(update=changes)


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _failure(dumps: Callable[[TaskiqMessage], Any], part: TaskiqMessage) -> Exception | None:
    try:
        dumps(part)
    except Exception as failure:  # noqa: BLE001  # a serializer of the user's may raise anything
        return failure
    return None
