"""Messages that came too late: their callers are told, and then they are buried; for brokers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.exceptions import LeaseLostError, TaskExpiredError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.result import TaskiqResult

logger = get_logger(__name__)

REASON: Final = "expired"
AT_ONCE: Final = 4
"""Lots of messages that are ended at the same time: a slow result store must not pile them up."""


@dataclass(frozen=True, slots=True)
class ExpiredDelivery:
    """A message that nobody started in time, leased to be buried.

    Attributes:
        expires: seconds that it was given.
        bury: moves it to the dead letters; gets the reason and the error.
    """

    task_id: str
    task_name: str
    fence: int
    expires: float
    bury: Callable[[str, str], Awaitable[None]]


class Undertaker:
    """Ends expired messages, which are leased to it as to a worker.

    The result is stored first: if this process dies in between, or the result store is down, the
    lease runs out and the message is found again.

    Args:
        results: where results are kept at the moment.
    """

    def __init__(self, results: Callable[[], AsyncResultBackend[Any]]) -> None:
        self._results = results
        self._at_work: set[asyncio.Task[None]] = set()

    async def wait_for_room(self) -> None:
        """Wait while there is much to do; to be awaited before more is fetched."""
        while not self.has_room:
            await asyncio.wait(self._mine(), return_when=asyncio.FIRST_COMPLETED)

    @property
    def has_room(self) -> bool:
        """Whether more may be taken."""
        return len(self._mine()) < AT_ONCE

    def take(self, messages: Sequence[ExpiredDelivery]) -> None:
        """End these messages, beside what the caller does."""
        if not messages:
            return
        # The event loop itself keeps only weak references to its tasks.
        task = asyncio.get_running_loop().create_task(self._end_all(messages))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def finish(self) -> None:
        """Wait for what was taken."""
        await asyncio.gather(*self._mine(), return_exceptions=True)

    def _mine(self) -> list[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        return [task for task in self._at_work if task.get_loop() is loop]

    async def _end_all(self, messages: Sequence[ExpiredDelivery]) -> None:
        await asyncio.gather(*map(self._end, messages))

    async def _end(self, message: ExpiredDelivery) -> None:
        error = TaskExpiredError(
            task_name=message.task_name, task_id=message.task_id, expires=message.expires
        )
        logger.warning("%s", error)
        try:
            await self._results().set_result(message.task_id, _error_result(error, message.fence))
            await message.bury(REASON, f"{type(error).__name__}: {error}")
        except LeaseLostError as lost:
            logger.warning("%s (%s) expired: %s", message.task_name, message.task_id, lost)
        except Exception:
            # Any result store, any failure of it.
            logger.exception(
                "%s (%s) has expired, and its caller can't be told; this is tried again",
                message.task_name,
                message.task_id,
            )


def _error_result(error: TaskExpiredError, fence: int) -> TaskiqResult[Any]:
    return TaskiqResult(
        is_err=True,
        return_value=None,
        execution_time=0.0,
        labels={FENCE: fence},
        error=error,
    )
