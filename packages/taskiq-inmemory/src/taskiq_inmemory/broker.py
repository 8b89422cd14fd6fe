"""InMemoryBroker: runs tasks in the process that sends them."""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final, Self
from uuid import uuid4

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.asynctools import one_turn
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.memory_history import MemoryHistory
from taskiq_core.brokers.memory_workers import MemoryWorkers
from taskiq_core.brokers.queue_labels import delay_of, queue_of
from taskiq_core.capabilities import Capability
from taskiq_core.events import TaskiqEvents
from taskiq_core.exceptions import UnknownTaskError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)
from taskiq_core.messages.labels import DELAY, EXPIRES, PRIORITY, QUEUE_NAME, UNIQUE_KEY
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.receiver import Receiver
from taskiq_core.worker_report import WorkerState
from taskiq_inmemory.errors import InMemoryListenError
from taskiq_inmemory.inspection import page_of
from taskiq_inmemory.log_capture import LogCapture
from taskiq_inmemory.options import CAPABILITIES
from taskiq_inmemory.queue import MemoryQueue
from taskiq_inmemory.results import InmemoryResultBackend

logger = get_logger(__name__)

DISREGARDED_LABELS: Final = frozenset({DELAY, PRIORITY, EXPIRES, UNIQUE_KEY})
"""Labels that are accepted and have no effect, but for delays where these are waited for."""


class InMemoryBroker(AsyncBroker):
    """Runs tasks in this process, by the same receiver that a worker has. For tests and scripts.

    Works without `startup()`, which only calls event handlers and middlewares.

    Args:
        sync_tasks_pool_size: threads for plain functions.
        max_stored_results: how many results are kept; the oldest are dropped. -1 keeps all.
        cast_types: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once; None, and 0 or less, for no limit.
        max_async_tasks_jitter: upper bound of a random number that is added to `max_async_tasks`.
        propagate_exceptions: whether dependencies see the exception of their task.
        await_inplace: whether `kiq` returns only when the task, and each retry of it that is not
            delayed, has run. It runs at once, beyond `max_async_tasks` if need be.
        logs_format: a format of `logging.Formatter`, to have what tasks log in `TaskiqResult.log`;
            None to leave that field empty.
        result_backend: where results are kept; in this process by default.
        task_id_generator: makes task ids.
        shutdown_timeout: seconds that `shutdown` waits for running tasks before it cancels them.
        wait_for_delays: whether the label `delay`, and the delays of retries, are waited for. By
            default such tasks run at once, so that tests need not wait.
        history: how much of the past is kept; None for nothing.

    Tasks may carry any label: those of other brokers, such as `priority`, `expires` and
    `unique_key`, have no effect here. Queues have names, and are listed and paused one by one; this
    process runs them all.

    The latest thousand dead letters are kept.
    """

    private_to_process = (
        "its queue is in the memory of the program that uses it. Ask there: `await "
        "broker.stats()`; or use a broker that stores its queue, such as taskiq-sqlite."
    )
    disregarded_labels = DISREGARDED_LABELS
    capabilities = CAPABILITIES

    def __init__(
        self,
        sync_tasks_pool_size: int = 4,
        max_stored_results: int = 100,
        cast_types: bool = True,
        max_async_tasks: int | None = None,
        max_async_tasks_jitter: int = 0,
        propagate_exceptions: bool = True,
        await_inplace: bool = False,
        *,
        logs_format: str | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        shutdown_timeout: float = 5.0,
        wait_for_delays: bool = False,
        history: HistoryOptions | None = None,
    ) -> None:
        super().__init__(
            result_backend=result_backend or InmemoryResultBackend(max_stored_results),
            task_id_generator=task_id_generator,
        )
        self.await_inplace = await_inplace
        self.shutdown_timeout = shutdown_timeout
        self.executor = ThreadPoolExecutor(sync_tasks_pool_size, thread_name_prefix="taskiq")
        self.worker_id = uuid4().hex  # this process is the worker
        self.wait_for_delays = wait_for_delays
        self.history = history
        # For this object: what it does not wait for, it does not promise.
        if not wait_for_delays:
            self.capabilities = frozenset(self.capabilities or ()) - {Capability.DELAY}
        limit = max_async_tasks if max_async_tasks is not None and max_async_tasks > 0 else None
        if limit is not None and max_async_tasks_jitter > 0:
            limit += random.randint(0, max_async_tasks_jitter)
        self.receiver = Receiver(
            self,
            executor=self.executor,
            validate_params=cast_types,
            propagate_exceptions=propagate_exceptions,
            run_startup=False,
        )
        self.queue = MemoryQueue(
            self.receiver.handle,
            limit=limit,
            default_queue=self.queue_name,
            waits_for_delays=wait_for_delays,
            on_settled=self._settled,
        )
        self._workers = MemoryWorkers()
        self._past = MemoryHistory()
        self._reporting = AsyncExitStack()
        if logs_format is not None:
            self.add_middlewares(LogCapture(logs_format))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `memory://` that waits for delays, as the brokers of servers do.

        Args:
            url: its scheme says all: a process has one memory.
            options: those of the constructor.
        """
        del url
        options.setdefault("wait_for_delays", True)
        return cls(**options)

    # -- start and end ------------------------------------------------------------------------

    async def startup(self) -> None:
        """Call the handlers of a client's and of a worker's start-up: this process is both."""
        if self._is_started:
            return
        await super().startup()
        if self.queues is not None:
            self.queue.weigh(self.queues.weights)
        if self.history is not None:
            await self._reporting.enter_async_context(self.receiver.reporting())
        self.queue.run_backlog()

    async def shutdown(self) -> None:
        """Let running tasks finish for `shutdown_timeout` seconds, then cancel them, and close.

        Also of a broker that was not started, as it works without; a second call does nothing.
        """
        unfinished = await self.queue.stop(self.shutdown_timeout)
        if unfinished:
            logger.warning(
                "These tasks did not run before the shutdown, they run after the next startup: %s",
                ", ".join(map(str, unfinished)),
            )
        await self._reporting.aclose()
        await super().shutdown()

    def startup_events(self) -> Sequence[TaskiqEvents]:
        """Return the events of a client and of a worker."""
        return TaskiqEvents.CLIENT_STARTUP, TaskiqEvents.WORKER_STARTUP

    def shutdown_events(self) -> Sequence[TaskiqEvents]:
        """Return the events of a client and of a worker."""
        return TaskiqEvents.CLIENT_SHUTDOWN, TaskiqEvents.WORKER_SHUTDOWN

    async def wait_all(self) -> None:
        """Wait until no task runs or waits to run; delayed ones are not waited for."""
        await self.queue.pool.wait_idle()

    # -- messages -----------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Run the task when it is due and a slot is free; with `await_inplace`, now.

        Raises:
            UnknownTaskError: no such task was declared on this broker.
            SendTaskError: the label `queue_name` is not a name, or the label `delay`, where it is
                waited for, is not a number of seconds.
        """
        if self.find_task(message.task_name) is None:
            raise UnknownTaskError(task_name=message.task_name)
        delay = delay_of(message) if self.wait_for_delays else 0.0
        queue = queue_of(message) if message.labels else None
        if isinstance(self.result_backend, InmemoryResultBackend):
            self.result_backend.expect(message.task_id)
        self.queue.run_backlog()
        if self.await_inplace and not delay and (queue or self.queue_name) not in self.queue.paused:
            await self.queue.run(message, queue)
            return
        self.queue.submit(message, queue, delay)
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

    async def queue_names(self) -> Sequence[str]:
        """Return the queues that have held a message, the default queue first."""
        return list(self.queue.waiting)

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count the messages of this process."""
        return self.queue.stats(queue or self.queue_name)

    async def messages(
        self,
        state: MessageState,
        *,
        queue: str | None = None,
        where: MessageFilter = ALL_MESSAGES,
        after: str | None = None,
        limit: int = 100,
        with_body: bool = False,
    ) -> MessagePage:
        """Return a page of the messages of this process."""
        return page_of(
            self.queue,
            queue or self.queue_name,
            state,
            where=where,
            after=after,
            limit=limit,
            with_body=with_body,
        )

    async def pause(self, *, queue: str | None = None) -> None:
        """Start nothing more from a queue of this process until `resume`."""
        self.queue.pause(queue or self.queue_name)

    async def resume(self, *, queue: str | None = None) -> None:
        """Start messages of a paused queue again."""
        self.queue.unpause(queue or self.queue_name)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        return (queue or self.queue_name) in self.queue.paused

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Run a delayed message of this process now."""
        return self.queue.move_to_now(task_id, queue or self.queue_name)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop the messages of this process that wait or are delayed."""
        return self.queue.purge(queue or self.queue_name)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """List the latest thousand dead letters, oldest first."""
        return self.queue.dead_letters(limit, offset, queue or self.queue_name)

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Send dead letters again to their queue, without their other labels."""
        name = queue or self.queue_name
        letters = self.queue.take_dead_letters(letter_ids, name)
        for letter in letters:
            await self.kick(
                BrokerMessage(
                    task_id=letter.task_id,
                    task_name=letter.task_name,
                    message=letter.message,
                    labels={QUEUE_NAME: name},
                )
            )
        return len(letters)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters."""
        return len(self.queue.take_dead_letters(letter_ids, queue or self.queue_name))

    # -- workers, and the past ------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of another worker."""
        self._workers.announce(record, ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of another worker."""
        self._workers.withdraw(worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the record of this process, as it is now, and the announced ones of others."""
        pool, others = self.queue.pool, self._workers.workers()
        limit = pool.slots.limit
        own = self.receiver.record().model_copy(
            update={
                "state": WorkerState.RUNNING,
                "slots_total": None if limit == sys.maxsize else limit,
                "running_count": len(pool.running),
            }
        )
        return sorted([own, *others], key=lambda each: each.worker_id)

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep what the receiver reports."""
        if self.history is not None:
            self._past.add(deliveries, counters, self.history)

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of the deliveries that have ended in this process."""
        return self._past.page(
            task_name=task_name, task_id=task_id, end=end, after=after, limit=limit
        )

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return the counters of this process."""
        return self._past.counters(since=since, task_name=task_name)

    @property
    def _running_tasks(self) -> "set[asyncio.Task[Any]]":
        """The asyncio tasks that run messages, as programs of 0.13 look at them."""
        return self.queue.pool.tasks

    def _settled(self, task_id: str) -> None:
        if isinstance(self.result_backend, InmemoryResultBackend):
            self.result_backend.settled(task_id)
