"""Messages that came too late: their callers are told, and then they are buried."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.labels import FENCE
from taskiq_core.result import TaskiqResult
from taskiq_sqlite.database import Database
from taskiq_sqlite.errors import TaskExpiredError
from taskiq_sqlite.fetching import FetchedMessage
from taskiq_sqlite.settling import Burial, Hold, bury

logger = logging.getLogger(__name__)

REASON: Final = "expired"


class Undertaker:
    """Ends expired messages, which are leased to it as to a worker.

    The result is stored first: if this process dies in between, or the result store is down, the
    lease runs out and the message is found again.

    Args:
        database: where the queue is.
        results: where results are kept at the moment.
    """

    def __init__(self, database: Database, results: Callable[[], AsyncResultBackend[Any]]) -> None:
        self._database = database
        self._results = results
        self._at_work: set[asyncio.Task[None]] = set()

    def take(self, messages: Sequence[FetchedMessage]) -> None:
        """End these messages, beside what the caller does."""
        # The event loop itself keeps only weak references to its tasks.
        task = asyncio.get_running_loop().create_task(self._end_all(messages))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def finish(self) -> None:
        """Wait for what was taken."""
        loop = asyncio.get_running_loop()
        mine = [task for task in self._at_work if task.get_loop() is loop]
        await asyncio.gather(*mine, return_exceptions=True)

    async def _end_all(self, messages: Sequence[FetchedMessage]) -> None:
        await asyncio.gather(*map(self._end, messages))

    async def _end(self, message: FetchedMessage) -> None:
        error = TaskExpiredError(
            task_name=message.task_name,
            task_id=message.task_id,
            expires=message.expires_after or 0.0,
        )
        logger.warning("%s", error)
        hold = Hold(message.message_id, message.fence)
        try:
            await self._results().set_result(message.task_id, _error_result(error, message.fence))
            text = f"{type(error).__name__}: {error}"
            await self._database.write(bury, Burial(hold, REASON, text))
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
