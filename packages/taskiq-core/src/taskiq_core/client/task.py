"""AsyncTaskiqTask: the caller's handle on a task that was sent."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import (
    CapabilityError,
    ResultGetError,
    ResultIsReadyError,
    TaskiqResultTimeoutError,
)
from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.labels import INTERNAL_LABELS
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.typed_values import adapter_for

logger = get_logger(__name__)

worker_is_full: ContextVar[Callable[[], bool] | None] = ContextVar("taskiq_full", default=None)
"""Set by a worker for the tasks that it runs: whether all of its slots are taken."""

_ReturnType = TypeVar("_ReturnType")
_POLLING: Final = AsyncResultBackend.wait
"""What a result backend that can't push inherits, or lacks."""


class AsyncTaskiqTask(Generic[_ReturnType]):
    """One task that was sent.

    Attributes:
        task_id: under which its result will be stored.
        return_type: what the result's value is turned into, the annotation of the function.
        broker: the broker that it was sent with; None if it is not known here.
    """

    def __init__(
        self,
        task_id: str,
        result_backend: AsyncResultBackend[_ReturnType],
        return_type: type[_ReturnType] | None = None,
        *,
        broker: AbstractBroker | None = None,
    ) -> None:
        self.task_id = task_id
        self.result_backend = result_backend
        self.return_type = return_type
        self.broker = broker

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.task_id})"

    async def is_ready(self) -> bool:
        """Return whether the result is there.

        Raises:
            ResultIsReadyError: the result backend can't tell.
        """
        try:
            return await self.result_backend.is_result_ready(self.task_id)
        except ResultIsReadyError:
            raise
        except Exception as error:
            raise ResultIsReadyError from error

    async def get_result(self, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result, which must be there.

        Raises:
            ResultGetError: the result is not there, or the result backend can't read it.
        """
        try:
            result = await self.result_backend.get_result(self.task_id, with_logs=with_logs)
        except ResultGetError:
            raise
        except Exception as error:
            raise ResultGetError from error
        return self._typed(result)

    async def wait_result(
        self,
        check_interval: float = 0.2,
        timeout: float | None = -1.0,  # 0.13 signature
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Wait for the result.

        Args:
            check_interval: seconds between two questions to a result backend that can't push.
            timeout: seconds to wait at most; None, 0 and negative numbers set no limit.
            with_logs: whether the log of the task is wanted, too.

        Raises:
            TaskiqResultTimeoutError: the time ran out.
            ResultIsReadyError: the result backend can't tell whether the result is there.
            ResultGetError: the result backend can't read the result.
        """
        waiting = wait_for(self, check_interval=check_interval, with_logs=with_logs)
        if timeout is None or timeout <= 0:
            return await waiting
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                return await waiting
        except TimeoutError:
            if not deadline.expired():
                raise
            raise TaskiqResultTimeoutError(timeout=timeout, task_id=self.task_id) from None

    async def abort(self, timeout: float | None = None) -> AbortState:
        """Ask for the task to be aborted.

        A task that waits is not started, a running coroutine is cancelled, a plain function can see
        it in `Context.cancellation`, and one in a process is killed. The result is an error result
        with `TaskAbortedError`. A task that ends at that moment ends as it would have.

        Args:
            timeout: seconds to wait until the task has ended; None does not wait for that.

        Returns:
            Where the task was found.

        Raises:
            CapabilityError: the broker can't abort tasks.
            TaskiqResultTimeoutError: the task has not ended in that time.
        """
        if self.broker is None:
            raise CapabilityError(
                broker="A task without its broker",
                action="be aborted; use `broker.abort(task_id)`",
                capability=Capability.ABORT_RUNNING,
            )
        state = await self.broker.abort(self.task_id)
        if timeout is not None and state in (AbortState.QUEUED, AbortState.RUNNING):
            await self.wait_result(timeout=timeout)
        return state

    async def get_progress(self) -> TaskProgress[Any] | None:
        """Return the progress of the task, or None if it has not reported any."""
        return await self.result_backend.get_progress(self.task_id)

    async def receive_result(
        self, *, check_interval: float, with_logs: bool
    ) -> TaskiqResult[_ReturnType]:
        """Wait for a result that the result backend pushes; see `wait_result`."""
        try:
            result = await self.result_backend.wait(
                self.task_id,
                check_interval=check_interval,
                with_logs=with_logs,
            )
        except (ResultGetError, ResultIsReadyError):
            raise
        except Exception as error:
            raise ResultGetError from error
        return self._typed(result)

    def _typed(self, result: TaskiqResult[_ReturnType]) -> TaskiqResult[_ReturnType]:
        if result.labels and not INTERNAL_LABELS.isdisjoint(result.labels):
            result.labels = {
                name: value for name, value in result.labels.items() if name not in INTERNAL_LABELS
            }
        if self.return_type is None or result.is_err:
            return result
        adapter = adapter_for(self.return_type)
        if adapter is not None and type(result.return_value) is not adapter.exact:
            result.return_value = adapter.restore(
                result.return_value, what=f"result of {self.task_id}"
            )
        return result


def wait_for(
    task: AsyncTaskiqTask[_ReturnType], *, check_interval: float, with_logs: bool
) -> Coroutine[Any, Any, TaskiqResult[_ReturnType]]:
    """Wait for the result of a handle, without limit.

    Args:
        task: the handle. An object that only has `is_ready` and `get_result` will do.
        check_interval: seconds between two questions.
        with_logs: whether the log of the task is wanted, too.

    Raises:
        ResultIsReadyError: the result backend can't tell whether the result is there.
        ResultGetError: the result backend can't read the result.
    """
    is_worker_full = worker_is_full.get()
    if is_worker_full is not None and is_worker_full():
        _warn_of_full_worker(task)
    if _is_pushed(task):
        return task.receive_result(check_interval=check_interval, with_logs=with_logs)
    return _poll(task, check_interval=check_interval, with_logs=with_logs)


async def _poll(
    task: AsyncTaskiqTask[_ReturnType], *, check_interval: float, with_logs: bool
) -> TaskiqResult[_ReturnType]:
    while not await task.is_ready():  # noqa: ASYNC110  # a store that can't push
        await asyncio.sleep(check_interval)
    return await task.get_result(with_logs=with_logs)


def _warn_of_full_worker(task: object) -> None:
    logger.warning(
        "A task waits for the result of task %s while all slots of its worker are taken, its own "
        "among them. If no other worker runs that task, both wait for ever: raise "
        "max_async_tasks, or send what follows without waiting.",
        getattr(task, "task_id", "?"),
    )


def _is_pushed(task: object) -> bool:
    """Return whether the result backend pushes the result, so that the handle need not be asked.

    False as well for a handle whose own `is_ready` or `get_result` has to be asked, as those of
    subclasses and of test doubles.
    """
    if not isinstance(task, AsyncTaskiqTask):
        return False
    own = task.__dict__
    return (
        _classes_push(type(task), type(task.result_backend))  # type: ignore[arg-type]  # classes can be hashed
        and "is_ready" not in own
        and "get_result" not in own
    )


@lru_cache(maxsize=256)
def _classes_push(task_class: type[Any], backend_class: type[Any]) -> bool:
    return (
        getattr(backend_class, "wait", _POLLING) is not _POLLING
        and task_class.is_ready is AsyncTaskiqTask.is_ready
        and task_class.get_result is AsyncTaskiqTask.get_result
    )
