"""The tasks that a broker knows, by name."""

import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from taskiq_core.abc.task import RegisteredTask
from taskiq_core.exceptions import DuplicateTaskError

_Task = TypeVar("_Task", bound=RegisteredTask)


class TaskRegistry(dict[str, _Task], Generic[_Task]):
    """Tasks by name; two different functions can't have the same one."""

    def add(self, task: _Task) -> None:
        """Register a task; one of the same function in the same place replaces its predecessor.

        Raises:
            DuplicateTaskError: the name belongs to another function.
        """
        existing = self.get(task.task_name)
        if existing is not None and not _same_function(existing.original_func, task.original_func):
            raise DuplicateTaskError(
                task_name=task.task_name,
                existing=_place_of(existing.original_func),
                duplicate=_place_of(task.original_func),
            )
        self[task.task_name] = task


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
