"""InmemoryResultBackend: results in this process, pushed to their callers."""

from collections import OrderedDict
from typing import Any, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_inmemory.errors import ResultNotHereError
from taskiq_inmemory.result_waiter import ResultWaiter

_ReturnType = TypeVar("_ReturnType")


class InmemoryResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps the latest results as objects; they are not serialized.

    `get_result` of a task that is in flight waits for it; `InMemoryBroker` says which are.

    Args:
        max_stored_results: how many results are kept; the oldest are dropped. -1 keeps all.

    Attributes:
        results: results by task id, oldest first.
        progress: the latest progress that tasks reported, by task id.
    """

    private_to_process = (
        "its results are in the memory of the program that uses it. Ask there: `await "
        "task.get_result()`; or use a result backend that stores them."
    )

    def __init__(self, max_stored_results: int = 100) -> None:
        self.max_stored_results = max_stored_results
        self.results: OrderedDict[str, TaskiqResult[_ReturnType]] = OrderedDict()
        self.progress: dict[str, TaskProgress[Any]] = {}
        self._waiter: ResultWaiter[_ReturnType] = ResultWaiter()

    # -- called by the broker -----------------------------------------------------------------

    def expect(self, task_id: str) -> None:
        """Have callers wait for the result of a task that was sent."""
        self._waiter.expect(task_id)

    def settled(self, task_id: str) -> None:
        """End the waiting for a task that is done, whether it stored a result or not."""
        if self._waiter.settle(task_id) and task_id not in self.results:
            self.progress.pop(task_id, None)
            self._waiter.fail(task_id, self._not_here(task_id))

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Keep a result, and drop the oldest if there are too many.

        The result of a worker that lost its lease is dropped if that of a later delivery is here.
        """
        if FENCE in result.labels and self._is_late(task_id, result):
            return
        self.results[task_id] = result
        if 0 <= self.max_stored_results < len(self.results):
            oldest, _ = self.results.popitem(last=False)
            self.progress.pop(oldest, None)
        self._waiter.resolve(task_id, result)

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether the result is stored."""
        return task_id in self.results

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result; waits for it while the task is in flight.

        Raises:
            ResultNotHereError: it is not stored and will not be.
        """
        result = self.results.get(task_id)
        if result is None:
            if not self._waiter.is_expected(task_id):
                raise self._not_here(task_id)
            result = await self._waiter.wait(task_id)
        return result if with_logs else _without_log(result)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Return the result when it comes; it is pushed, so `check_interval` has no effect.

        Waits for a task that is not sent yet, too.

        Raises:
            ResultNotHereError: the task has ended, and its result is not stored.
        """
        del check_interval
        result = self.results.get(task_id)
        if result is None:
            if self._waiter.has_ended(task_id):
                raise self._not_here(task_id)
            result = await self._waiter.wait(task_id)
        return result if with_logs else _without_log(result)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Keep the progress of a task as long as its result."""
        self.progress[task_id] = progress

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        return self.progress.get(task_id)

    def _is_late(self, task_id: str, result: TaskiqResult[_ReturnType]) -> bool:
        stored = self.results.get(task_id)
        return stored is not None and int(result.labels[FENCE]) < int(stored.labels.get(FENCE, 0))

    def _not_here(self, task_id: str) -> ResultNotHereError:
        return ResultNotHereError(task_id=task_id, max_stored_results=self.max_stored_results)


def _without_log(result: TaskiqResult[_ReturnType]) -> TaskiqResult[_ReturnType]:
    return result if result.log is None else result.model_copy(update={"log": None})
