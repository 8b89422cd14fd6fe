"""InMemoryBroker: runs tasks in the process that sends them."""

import logging
import random
from collections.abc import AsyncGenerator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.asynctools import one_turn
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.events import TaskiqEvents
from taskiq_core.exceptions import UnknownTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.receiver import Receiver
from taskiq_inmemory.errors import InMemoryListenError
from taskiq_inmemory.log_capture import LogCapture
from taskiq_inmemory.options import CAPABILITIES
from taskiq_inmemory.queue import MemoryQueue
from taskiq_inmemory.results import InmemoryResultBackend

logger = logging.getLogger(__name__)


class InMemoryBroker(AsyncBroker):
    """Runs tasks in this process, by the same receiver that a worker has. For tests and scripts.

    Works without `startup()`, which only calls event handlers and middlewares.

    Args:
        sync_tasks_pool_size: threads for plain functions.
        max_stored_results: how many results are kept; the oldest are dropped. -1 keeps all.
        cast_types: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once.
        max_async_tasks_jitter: upper bound of a random number that is added to `max_async_tasks`.
        propagate_exceptions: whether dependencies see the exception of their task.
        await_inplace: whether `kiq` returns only when the task has run. It runs at once, beyond
            `max_async_tasks` if need be.
        logs_format: a format of `logging.Formatter`, to have what tasks log in `TaskiqResult.log`;
            None to leave that field empty.
        result_backend: where results are kept; in this process by default.
        task_id_generator: makes task ids.
        shutdown_timeout: seconds that `shutdown` waits for running tasks before it cancels them.

    The latest thousand dead letters are kept.
    """

    private_to_process = (
        "its queue is in the memory of the program that uses it. Ask there: `await "
        "broker.stats()`; or use a broker that stores its queue, such as taskiq-sqlite."
    )
    capabilities = CAPABILITIES

    def __init__(
        self,
        sync_tasks_pool_size: int = 4,
        max_stored_results: int = 100,
        cast_types: bool = True,
        max_async_tasks: int = 30,
        max_async_tasks_jitter: int = 0,
        propagate_exceptions: bool = True,
        await_inplace: bool = False,
        *,
        logs_format: str | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        shutdown_timeout: float = 5.0,
    ) -> None:
        super().__init__(
            result_backend=result_backend or InmemoryResultBackend(max_stored_results),
            task_id_generator=task_id_generator,
        )
        self.await_inplace = await_inplace
        self.shutdown_timeout = shutdown_timeout
        self.executor = ThreadPoolExecutor(sync_tasks_pool_size, thread_name_prefix="taskiq")
        if max_async_tasks_jitter > 0:
            max_async_tasks += random.randint(0, max_async_tasks_jitter)
        self.receiver = Receiver(
            self,
            executor=self.executor,
            validate_params=cast_types,
            propagate_exceptions=propagate_exceptions,
            run_startup=False,
        )
        self.queue = MemoryQueue(
            self.receiver.handle, limit=max_async_tasks, on_settled=self._settled
        )
        if logs_format is not None:
            self.add_middlewares(LogCapture(logs_format))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `memory://`; the options are those of the constructor."""
        del url  # a process has one memory
        return cls(**options)

    # -- start and end ------------------------------------------------------------------------

    async def startup(self) -> None:
        """Call the handlers of a client's and of a worker's start-up: this process is both."""
        if self._is_started:
            return
        await super().startup()
        try:
            await self.event_handlers.fire(TaskiqEvents.WORKER_STARTUP, self.state)
        except BaseException:
            self._is_started = False  # so that the program can try again
            raise
        self.queue.resume()

    async def shutdown(self) -> None:
        """Let running tasks finish for `shutdown_timeout` seconds, then cancel them, and close."""
        unfinished = await self.queue.stop(self.shutdown_timeout)
        if unfinished:
            logger.warning(
                "These tasks did not run before the shutdown, they run after the next startup: %s",
                ", ".join(map(str, unfinished)),
            )
        if self._is_started:
            await super().shutdown()
            await self.event_handlers.fire(TaskiqEvents.WORKER_SHUTDOWN, self.state)

    async def wait_all(self) -> None:
        """Wait until no task runs or waits to run; delayed ones are not waited for."""
        await self.queue.pool.wait_idle()

    # -- messages -----------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Run the task when it is due and a slot is free; with `await_inplace`, now.

        Raises:
            UnknownTaskError: no such task was declared on this broker.
            SendTaskError: the label `delay` is not a number of seconds.
        """
        if self.find_task(message.task_name) is None:
            raise UnknownTaskError(task_name=message.task_name)
        delay = queue_labels(message).delay
        if isinstance(self.result_backend, InmemoryResultBackend):
            self.result_backend.expect(message.task_id)
        self.queue.resume()
        if self.await_inplace and not delay:
            await self.queue.run(message)
            return
        self.queue.submit(message, delay)
        if not delay:
            # As a broker with a server would: the event loop gets a turn, so that a program that
            # sends in a loop does not pile up messages that could run meanwhile.
            await one_turn()

    def listen(self) -> AsyncGenerator[bytes, None]:
        """Raise InMemoryListenError: its tasks run where they are sent, no worker gets them."""
        raise InMemoryListenError

    # -- aborts, and the queue as operators see it --------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Cancel the task if it runs; a queued one ends without being started."""
        if self.receiver.abort(task_id):
            return AbortState.RUNNING
        return AbortState.QUEUED if self.queue.abort(task_id) else AbortState.UNKNOWN

    async def aborts(self) -> AsyncGenerator[str, None]:
        """End at once: `request_abort` stops the task itself."""
        for task_id in list[str]():
            yield task_id

    async def stats(self) -> QueueStats:
        """Count the messages of this process."""
        return self.queue.stats()

    async def purge(self) -> int:
        """Drop the messages of this process that wait or are delayed."""
        return self.queue.purge()

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """List the latest thousand dead letters, oldest first."""
        return self.queue.dead_letters(limit, offset)

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Send dead letters again, without the labels that they had for the queue."""
        letters = self.queue.take_dead_letters(letter_ids)
        for letter in letters:
            await self.kick(
                BrokerMessage(
                    task_id=letter.task_id,
                    task_name=letter.task_name,
                    message=letter.message,
                    labels={},
                )
            )
        return len(letters)

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters."""
        return len(self.queue.take_dead_letters(letter_ids))

    def _settled(self, task_id: str) -> None:
        if isinstance(self.result_backend, InmemoryResultBackend):
            self.result_backend.settled(task_id)
