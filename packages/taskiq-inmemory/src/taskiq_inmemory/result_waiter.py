"""ResultWaiter: the callers that wait for results, and the tasks that are in flight."""

import asyncio
from collections import Counter, defaultdict
from typing import Any, Generic, TypeVar

from taskiq_core.messages.result import TaskiqResult

_ReturnType = TypeVar("_ReturnType")


class ResultWaiter(Generic[_ReturnType]):
    """Wakes callers when the result of their task comes, or when it will never come.

    Attributes:
        is_tracking: whether a broker of this process says which tasks are in flight.
    """

    def __init__(self) -> None:
        self.is_tracking = False
        self._in_flight: Counter[str] = Counter()
        self._waiters: defaultdict[str, list[asyncio.Future[TaskiqResult[Any]]]]
        self._waiters = defaultdict(list)

    @property
    def waiting(self) -> int:
        """The number of callers that wait."""
        return sum(map(len, self._waiters.values()))

    def expect(self, task_id: str) -> None:
        """Count a task that was sent."""
        self.is_tracking = True
        self._in_flight[task_id] += 1

    def is_expected(self, task_id: str) -> bool:
        """Whether the task is in flight."""
        return task_id in self._in_flight

    def settle(self, task_id: str) -> bool:
        """Count a task that has ended.

        Returns:
            Whether no other task with this id is in flight.
        """
        left = self._in_flight.pop(task_id, 0) - 1
        if left > 0:
            self._in_flight[task_id] = left
        return left <= 0

    async def wait(self, task_id: str) -> TaskiqResult[_ReturnType]:
        """Wait until `resolve` or `fail` is called for the task."""
        future: asyncio.Future[TaskiqResult[_ReturnType]]
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiters[task_id]
        waiting.append(future)
        try:
            return await future
        finally:
            # A caller that gave up must not be kept for a result that never comes.
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiters.pop(task_id, None)

    def resolve(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Hand a result to the callers that wait for it."""
        for future in self._waiters.pop(task_id, ()):
            if not future.done():
                future.set_result(result)

    def fail(self, task_id: str, error: Exception) -> None:
        """Raise an error to the callers that wait for a result."""
        for future in self._waiters.pop(task_id, ()):
            if not future.done():
                future.set_exception(error)
