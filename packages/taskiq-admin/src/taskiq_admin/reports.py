"""The requests to a taskiq-admin server, as plain data; no I/O.

The server's requests, as its schemas have them:

    POST /api/tasks/{task id}/queued     taskName, args, kwargs, worker, queuedAt
    POST /api/tasks/{task id}/started    taskName, args, kwargs, worker, startedAt
    POST /api/tasks/{task id}/executed   error, executionTime, returnValue, finishedAt
"""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult


def queued(message: TaskiqMessage, worker: str | None) -> dict[str, Any]:
    """A task was sent."""
    return {**_call(message, worker), "queuedAt": _now()}


def started(message: TaskiqMessage, worker: str | None) -> dict[str, Any]:
    """A worker begins with a task."""
    return {**_call(message, worker), "startedAt": _now()}


def executed(result: TaskiqResult[Any]) -> dict[str, Any]:
    """A task has ended."""
    error = result.error
    return {
        "error": None if error is None else f"{type(error).__name__}: {error}".removesuffix(": "),
        "executionTime": result.execution_time,
        "returnValue": {"return_value": _plain(result.return_value)},
        "finishedAt": _now(),
    }


def _call(message: TaskiqMessage, worker: str | None) -> dict[str, Any]:
    return {
        "taskName": message.task_name,
        "args": _plain(message.args),
        "kwargs": _plain(message.kwargs),
        "labels": _plain(message.labels),
        "worker": worker,
    }


def _plain(value: Any) -> Any:
    """Return the value as plain data, with the repr of parts that JSON can't express."""
    try:
        return to_jsonable_python(value, bytes_mode="base64", fallback=repr)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        return repr(value)


def _now() -> str:
    return datetime.now(UTC).isoformat()
