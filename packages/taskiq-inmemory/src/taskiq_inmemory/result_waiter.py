"""ResultWaiter: the callers that wait for results, and the tasks that are in flight."""

import asyncio
from collections import OrderedDict, defaultdict
from typing import Any, Final, Generic, TypeVar

from taskiq_core.messages.result import TaskiqResult

MAX_ENDED: Final = 10_000
"""Tasks that are remembered to have ended."""

_ReturnType = TypeVar("_ReturnType")


class ResultWaiter(Generic[_ReturnType]):
    """Wakes callers when the result of their task comes, or when it will never come."""

    def __init__(self) -> None:
        # The latest, in order. A plain dict would look for its first key among all that are gone.
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._in_flight: dict[str, int] = {}
        self._waiters: defaultdict[str, list[asyncio.Future[TaskiqResult[Any]]]]
        self._waiters = defaultdict(list)

    @property
    def waiting(self) -> int:
        """The number of callers that wait."""
        return sum(map(len, self._waiters.values()))

    def expect(self, task_id: str) -> None:
        """Count a task that was sent."""
        self._ended.pop(task_id, None)
        self._in_flight[task_id] = self._in_flight.get(task_id, 0) + 1

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
        else:
            self._ended[task_id] = None
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)
        return left <= 0

    def has_ended(self, task_id: str) -> bool:
        """Whether the task was sent and has ended: no result of it will come."""
        return task_id in self._ended

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
