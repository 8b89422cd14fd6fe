"""The result backend of a broker that has none."""

from typing import Any

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.exceptions import ResultBackendMissingError
from taskiq_core.messages.result import TaskiqResult


class DummyResultBackend(AsyncResultBackend[Any]):
    """Drops results, and raises an error when one is requested."""

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Drop the result."""

    async def is_result_ready(self, task_id: str) -> bool:
        """Raise ResultBackendMissingError: waiting would never end."""
        raise ResultBackendMissingError(task_id=task_id)

    async def get_result(self, task_id: str, with_logs: bool = False) -> Any:
        """Raise ResultBackendMissingError: there is no result."""
        raise ResultBackendMissingError(task_id=task_id)
