"""The contract of result backends: results stored by task id."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Self, TypeVar

from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult

_ReturnType = TypeVar("_ReturnType")


class AsyncResultBackend(ABC, Generic[_ReturnType]):
    """Keeps results until their callers ask for them.

    An implementation must keep: `set_result` returns when the result is stored and may be called
    twice for one task, the last one stands; a result is the same for every reader; errors of the
    store are raised as `ResultBackendError`, never returned as "not ready". One that can compare
    and store in one step ignores a result whose label `FENCE` is lower than that of the stored one:
    its worker lost the lease on the task.

    Attributes:
        private_to_process: for a backend whose results are in the process that uses it: where they
            are and which process to ask, as commands can't. Empty for others.
        may_create: whether `startup` may create what the store lacks, such as a file; operators'
            commands set it to False before.
    """

    private_to_process: ClassVar[str] = ""
    may_create: bool = True

    async def startup(self) -> None:
        """Connect; may be called twice."""

    async def shutdown(self) -> None:
        """Disconnect; may be called twice, and without `startup`."""

    @abstractmethod
    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store the result of a task."""

    @abstractmethod
    async def is_result_ready(self, task_id: str) -> bool:
        """Whether a result is stored."""

    @abstractmethod
    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result of a task.

        Args:
            task_id: which task.
            with_logs: whether `TaskiqResult.log` is wanted, too.

        Raises:
            ResultGetError: the task has no result.
        """

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Wait, without limit, for the result of a task and return it.

        Backends that can push results override this method; it polls every `check_interval`
        seconds.

        Args:
            task_id: which task.
            check_interval: seconds between two polls.
            with_logs: whether `TaskiqResult.log` is wanted, too.
        """
        while not await self.is_result_ready(task_id):  # noqa: ASYNC110  # a store that can't push
            await asyncio.sleep(check_interval)
        return await self.get_result(task_id, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store how far a task has come."""

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task, or None if it has not reported any."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a backend for the store that a URL names.

        Raises:
            CapabilityError: the class can't be made from a URL.
        """
        raise CapabilityError(
            broker=cls.__name__, action="be made from a URL", capability="from_url"
        )
