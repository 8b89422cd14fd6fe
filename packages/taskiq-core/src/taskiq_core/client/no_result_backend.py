"""The result backend of a broker that has none."""

import warnings
from typing import Any

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.exceptions import ResultBackendMissingError
from taskiq_core.messages.result import TaskiqResult


class DummyResultBackend(AsyncResultBackend[Any]):
    """Keeps no results. Every task is ready at once, with an empty result and a warning."""

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Drop the result."""

    async def is_result_ready(self, task_id: str) -> bool:
        """Return True, as in taskiq 0.13: waiting would never end."""
        return True

    async def get_result(self, task_id: str, with_logs: bool = False) -> Any:
        """Return an empty result, and warn (`UserWarning`) that it says nothing of the task."""
        warnings.warn(str(ResultBackendMissingError(task_id=task_id)), stacklevel=2)
        return TaskiqResult[Any](is_err=False, return_value=None, execution_time=0.0)
