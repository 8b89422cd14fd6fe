"""TestResults: results of a test, for which waiting means running."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from taskiq_core.messages.result import TaskiqResult
from taskiq_inmemory import InmemoryResultBackend

_ReturnType = TypeVar("_ReturnType")


class TestResults(InmemoryResultBackend[_ReturnType]):
    """Keeps the results of a test.

    Args:
        run_until_done: runs pending tasks until the one of this id has ended.
    """

    __test__ = False  # not a class of tests, as pytest would think

    def __init__(self, run_until_done: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(max_stored_results=-1)
        self._run_until_done = run_until_done

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result; a pending task is run first."""
        await self._run_until_done(task_id)
        return await super().get_result(task_id, with_logs)

    async def wait(
        self, task_id: str, *, check_interval: float = 0.2, with_logs: bool = False
    ) -> TaskiqResult[Any]:
        """Return the result; a pending task is run first."""
        await self._run_until_done(task_id)
        return await super().wait(task_id, check_interval=check_interval, with_logs=with_logs)
