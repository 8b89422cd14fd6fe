"""Requests to a worker to leave: to finish its tasks first, or to cancel them."""

import asyncio

from taskiq_core.loggers import get_logger
from taskiq_core.receiver import Receiver

logger = get_logger(__name__)


class StopRequests:
    """Counts the requests to leave: the first finishes running tasks, the second cancels them.

    Args:
        receiver: whose tasks are to end.

    Attributes:
        finish: set by the first request; what `Receiver.listen` waits for.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.finish = asyncio.Event()
        self._receiver = receiver
        self._cancelling: asyncio.Task[None] | None = None

    def finish_running(self) -> None:
        """Leave when the running tasks have finished; may be called again."""
        if not self.finish.is_set():
            logger.info(
                "Leaving: no more tasks are taken, tasks that have not started are given back"
            )
            self.finish.set()

    def request(self) -> None:
        """Leave when the running tasks have finished; cancel them if it was requested before."""
        if not self.finish.is_set():
            self.finish_running()
        elif self._cancelling is None:
            running = len(self._receiver.pool.running)
            logger.warning("Leaving now: %d running task(s) are cancelled and given back", running)
            self._cancelling = asyncio.create_task(self._receiver.cancel_running())

    def request_within(self, seconds: float) -> None:
        """Leave, and cancel the tasks that have not finished after so many seconds."""
        self.finish_running()
        asyncio.get_running_loop().call_later(seconds, self.request)
