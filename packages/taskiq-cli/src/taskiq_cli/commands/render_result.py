"""The result of a task as text and as JSON."""

import traceback
from typing import TYPE_CHECKING, Any

from taskiq_cli.terminal_text import fields, lines, one_line, plain

if TYPE_CHECKING:
    from taskiq_core.messages.result import TaskiqResult


def as_text(task_id: str, result: "TaskiqResult[Any]", *, with_traceback: bool) -> str:
    """Describe the result of a task, one field a line.

    Args:
        task_id: the task.
        result: its result.
        with_traceback: whether the traceback of its error is added.
    """
    pairs = {"task id": one_line(task_id), "state": _state(result)}
    if result.is_err:
        pairs["error"] = lines(_error(result.error))
    else:
        pairs["value"] = one_line(repr(result.return_value))
    pairs["execution time"] = f"{result.execution_time:g} s"
    pairs["labels"] = (
        "\n".join(f"{one_line(name)}={one_line(repr(it))}" for name, it in _labels(result).items())
        or "-"
    )
    pairs["log"] = lines(result.log or "-")
    if with_traceback and result.error is not None:
        pairs["traceback"] = lines(remote_traceback(result.error))
    return fields(pairs)


def as_object(task_id: str, result: "TaskiqResult[Any]", *, with_traceback: bool) -> dict[str, Any]:
    """Return the result of a task as JSON can carry it.

    Args:
        task_id: the task.
        result: its result.
        with_traceback: whether the traceback of its error is added.
    """
    found = {
        "task_id": task_id,
        "state": _state(result),
        "value": plain(result.return_value),
        "error": None if result.error is None else _error(result.error),
        "execution_time": result.execution_time,
        "labels": plain(_labels(result)),
        "log": result.log,
    }
    if with_traceback:
        error = result.error
        found["traceback"] = None if error is None else remote_traceback(error)
    return found


def remote_traceback(error: BaseException) -> str:
    """The traceback as the worker had it; without one, what is known of the error's causes."""
    from taskiq_core.messages.exception_bounds import RemoteTraceback

    if isinstance(error.__cause__, RemoteTraceback):
        return error.__cause__.text.rstrip()
    return "".join(traceback.format_exception(error)).rstrip()


def _labels(result: "TaskiqResult[Any]") -> dict[str, Any]:
    from taskiq_core.messages.labels import INTERNAL_LABELS

    return {name: it for name, it in result.labels.items() if name not in INTERNAL_LABELS}


def _state(result: "TaskiqResult[Any]") -> str:
    return "failed" if result.is_err else "done"


def _error(error: BaseException | None) -> str:
    from taskiq_core.messages.exception_records import UnknownRemoteError

    if error is None:
        return "unknown: the result does not say"
    if isinstance(error, UnknownRemoteError):
        return str(error)  # names its type
    name = type(error).__qualname__
    module = type(error).__module__
    return f"{name if module == 'builtins' else f'{module}.{name}'}: {error}"
