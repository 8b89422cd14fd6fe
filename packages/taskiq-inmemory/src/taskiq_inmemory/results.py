"""Results in this process, handed to whoever waits for them."""

import asyncio
from collections import OrderedDict, defaultdict
from typing import Any, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_inmemory.errors import ResultNotHereError

_ReturnType = TypeVar("_ReturnType")


class InmemoryResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps the latest results, as they are: nothing is serialized.

    `get_result` of a task that is in flight waits for it; `InMemoryBroker` says which are.

    Args:
        max_stored_results: how many results are kept; the oldest are dropped. -1 for all.

    Attributes:
        results: results by task id, oldest first.
        progress: what tasks said of their progress, by task id.
    """

    private_to_process = (
        "its results are in the memory of the program that uses it. Ask there: `await "
        "task.get_result()`; or use a result backend that stores them."
    )

    def __init__(self, max_stored_results: int = 100) -> None:
        self.max_stored_results = max_stored_results
        self.results: OrderedDict[str, TaskiqResult[_ReturnType]] = OrderedDict()
        self.progress: dict[str, TaskProgress[Any]] = {}
        self._in_flight: dict[str, int] = {}
        self._is_tracked = False
        self._waiters: defaultdict[str, list[asyncio.Future[TaskiqResult[_ReturnType]]]]
        self._waiters = defaultdict(list)

    # -- told by the broker -------------------------------------------------------------------

    def expect(self, task_id: str) -> None:
        """A task was sent: its result will come."""
        self._is_tracked = True
        self._in_flight[task_id] = self._in_flight.get(task_id, 0) + 1

    def settled(self, task_id: str) -> None:
        """A task is done, whether it stored a result or not."""
        left = self._in_flight.pop(task_id, 0) - 1
        if left > 0:
            self._in_flight[task_id] = left
            return
        if task_id in self.results:
            return
        self.progress.pop(task_id, None)
        for waiter in self._waiters.pop(task_id, ()):
            if not waiter.done():
                waiter.set_exception(self._not_here(task_id))

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Keep a result, and drop the oldest if there are too many.

        What a worker stores that lost its lease is dropped if a later delivery's result is here.
        """
        if FENCE in result.labels and self._is_late(task_id, result):
            return
        self.results[task_id] = result
        if 0 <= self.max_stored_results < len(self.results):
            # Whoever waits for it has been woken and holds on to it.
            oldest, _ = self.results.popitem(last=False)
            self.progress.pop(oldest, None)
        for waiter in self._waiters.pop(task_id, ()):
            if not waiter.done():
                waiter.set_result(result)

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether the result is stored."""
        return task_id in self.results

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """The result; waits for it while the task is in flight.

        Raises:
            ResultNotHereError: it is not stored and will not be.
        """
        result = self.results.get(task_id)
        if result is None:
            if task_id not in self._in_flight:
                raise self._not_here(task_id)
            result = await self._arrival(task_id)
        return result if with_logs else _without_log(result)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """The result as soon as it is there; it is pushed, `check_interval` has no effect."""
        del check_interval
        if task_id not in self.results and not self._is_tracked:
            # No broker of this process says what is in flight: the result may come from anywhere.
            await self._arrival(task_id)
        return await self.get_result(task_id, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Keep how far a task has come."""
        self.progress[task_id] = progress

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come; None if it has not said."""
        return self.progress.get(task_id)

    def _is_late(self, task_id: str, result: TaskiqResult[_ReturnType]) -> bool:
        stored = self.results.get(task_id)
        return stored is not None and int(result.labels[FENCE]) < int(stored.labels.get(FENCE, 0))

    async def _arrival(self, task_id: str) -> TaskiqResult[_ReturnType]:
        waiter: asyncio.Future[TaskiqResult[_ReturnType]]
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters[task_id]
        waiters.append(waiter)
        try:
            return await waiter
        finally:
            # A caller that gave up must not be kept for a result that never comes.
            if waiter in waiters:
                waiters.remove(waiter)
            if not waiters:
                self._waiters.pop(task_id, None)

    def _not_here(self, task_id: str) -> ResultNotHereError:
        return ResultNotHereError(task_id=task_id, max_stored_results=self.max_stored_results)


def _without_log(result: TaskiqResult[_ReturnType]) -> TaskiqResult[_ReturnType]:
    return result if result.log is None else result.model_copy(update={"log": None})
