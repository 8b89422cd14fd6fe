"""Registering tasks by name, in a plain dictionary."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from taskiq_core.abc.task import RegisteredTask
from taskiq_core.loggers import get_logger

logger = get_logger(__name__)

_Task = TypeVar("_Task", bound=RegisteredTask)


def register(registry: dict[str, _Task], task: _Task) -> None:
    """Register a task; the last one of a name counts.

    Warns if that replaces another function: one of the two can't be run any more. A module that is
    imported again, as on reload, replaces its own functions without a warning.
    """
    existing = registry.get(task.task_name)
    if existing is not None and not _same_function(existing.original_func, task.original_func):
        logger.warning(
            "Task name %r was that of %s, and is that of %s from now on: messages of both run the "
            "second. Give one of them a name of its own: @broker.task(task_name=...).",
            task.task_name,
            _place_of(existing.original_func),
            _place_of(task.original_func),
        )
    registry[task.task_name] = task


def _same_function(first: Callable[..., Any], second: Callable[..., Any]) -> bool:
    # A module that is imported again, as on reload, makes new functions of the same name and file.
    return first is second or _place_of(first, line=False) == _place_of(second, line=False)


def _place_of(func: Callable[..., Any], *, line: bool = True) -> str:
    function = inspect.unwrap(func)
    qualname = getattr(function, "__qualname__", repr(function))
    name = f"{getattr(function, '__module__', '?')}.{qualname}"
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    return (
        f"{name} ({code.co_filename}:{code.co_firstlineno})"
        if line
        else f"{name} {code.co_filename}"
    )
