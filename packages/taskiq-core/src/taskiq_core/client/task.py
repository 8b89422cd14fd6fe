"""AsyncTaskiqTask: the caller's handle on a task that was sent."""

import asyncio
from typing import Any, Generic, TypeVar

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import (
    CapabilityError,
    ResultGetError,
    ResultIsReadyError,
    TaskiqError,
    TaskiqResultTimeoutError,
)
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.typed_values import adapter_for

_ReturnType = TypeVar("_ReturnType")


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

    async def is_ready(self) -> bool:
        """Whether the result is there.

        Raises:
            ResultIsReadyError: the result backend can't tell.
        """
        try:
            return await self.result_backend.is_result_ready(self.task_id)
        except TaskiqError:
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
        except TaskiqError:
            raise
        except Exception as error:
            raise ResultGetError from error
        return self._typed(result)

    async def wait_result(
        self,
        check_interval: float = 0.2,
        timeout: float = -1.0,  # 0.13 signature
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Wait for the result and return it.

        Args:
            check_interval: seconds between two polls of a result backend that can't push.
            timeout: seconds to wait at most; negative for no limit.
            with_logs: whether the log of the task is wanted, too.

        Raises:
            TaskiqResultTimeoutError: the time ran out.
            ResultGetError: the result backend can't read it.
        """
        waiting = self._arrival(check_interval=check_interval, with_logs=with_logs)
        if timeout < 0:
            return await waiting
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                return await waiting
        except TimeoutError:
            if not deadline.expired():
                raise
            raise TaskiqResultTimeoutError(timeout=timeout) from None

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

    async def _arrival(
        self, *, check_interval: float, with_logs: bool
    ) -> TaskiqResult[_ReturnType]:
        try:
            result = await self.result_backend.wait(
                self.task_id,
                check_interval=check_interval,
                with_logs=with_logs,
            )
        except TaskiqError:
            raise
        except Exception as error:
            raise ResultGetError from error
        return self._typed(result)

    def _typed(self, result: TaskiqResult[_ReturnType]) -> TaskiqResult[_ReturnType]:
        if self.return_type is None or result.is_err:
            return result
        adapter = adapter_for(self.return_type)
        if adapter is not None:
            result.return_value = adapter.restore(
                result.return_value, what=f"result of {self.task_id}"
            )
        return result
