"""InMemoryBroker: runs tasks in the process that sends them."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.asynctools import one_turn
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.capabilities import Capability
from taskiq_core.events import TaskiqEvents
from taskiq_core.exceptions import UnknownTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.labels import DELAY
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.receiver import Receiver
from taskiq_inmemory.deliveries import MemoryDelivery
from taskiq_inmemory.errors import InMemoryListenError
from taskiq_inmemory.log_capture import LogCapture
from taskiq_inmemory.results import InmemoryResultBackend

logger = logging.getLogger(__name__)


class InMemoryBroker(AsyncBroker):
    """Runs tasks in this process, by the same receiver that a worker has. For tests and scripts.

    Works without `startup()`, which only calls event handlers and middlewares.

    Args:
        sync_tasks_pool_size: how many threads there are for plain functions.
        max_stored_results: how many results are kept; the oldest are dropped. -1 for all.
        cast_types: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once.
        max_async_tasks_jitter: up to so many more, at random.
        propagate_exceptions: whether dependencies see the exception of their task.
        await_inplace: whether `kiq` returns only when the task has run, whatever runs at the
            moment.
        logs_format: a format of `logging.Formatter`, to have what tasks log in `TaskiqResult.log`;
            None to leave it alone.
        result_backend: where results are kept; in this process by default.
        task_id_generator: makes task ids.
        shutdown_timeout: seconds that `shutdown` waits for running tasks before it cancels them.

    The latest thousand dead letters are kept.
    """

    private_to_process = (
        "its queue is in the memory of the program that uses it. Ask there: `await "
        "broker.stats()`; or use a broker that stores its queue, such as taskiq-sqlite."
    )
    capabilities = frozenset(
        {
            Capability.ACK,
            Capability.RELEASE,
            Capability.DELAY,
            Capability.DEAD_LETTER,
            Capability.ABORT,
            Capability.PUSH_RESULTS,
        },
    )

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
        self.pool: DeliveryPool[MemoryDelivery] = DeliveryPool(
            self.receiver.handle,
            limit=max_async_tasks,
            on_done=self._done,
        )
        self._dead: deque[DeadLetter] = deque(maxlen=1000)
        self._letter_ids = count(1)
        self._backlog: deque[MemoryDelivery] = deque()
        self._timers: dict[asyncio.TimerHandle, MemoryDelivery] = {}
        self._timers_loop: asyncio.AbstractEventLoop | None = None
        if logs_format is not None:
            self.add_middlewares(LogCapture(logs_format))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `memory://`; the options are those of the constructor."""
        del url  # there is only one memory
        return cls(**options)

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Call the handlers of a client's and of a worker's start-up: this process is both."""
        if self._is_started:
            return
        await super().startup()
        try:
            await self.event_handlers.fire(TaskiqEvents.WORKER_STARTUP, self.state)
        except BaseException:
            self._is_started = False  # it can be tried again
            raise
        self._run_backlog()

    async def shutdown(self) -> None:
        """Let running tasks finish for `shutdown_timeout` seconds, then cancel them, and close."""
        try:
            async with asyncio.timeout(self.shutdown_timeout):
                await self.pool.wait_idle()
        except TimeoutError:
            self._backlog.extend(self.pool.withdraw())
            await self.pool.cancel()
        self._keep_delayed()
        if self._backlog:
            logger.warning(
                "These tasks did not run before the shutdown, they run after the next startup: %s",
                ", ".join(f"{d.message.task_name} ({d.message.task_id})" for d in self._backlog),
            )
        if self._is_started:
            await super().shutdown()
            await self.event_handlers.fire(TaskiqEvents.WORKER_SHUTDOWN, self.state)

    async def wait_all(self) -> None:
        """Wait until no task runs or waits to run; delayed ones are not waited for."""
        await self.pool.wait_idle()

    # -- messages -----------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Run the task, soon or, with `await_inplace`, now.

        Raises:
            UnknownTaskError: no such task was declared on this broker.
        """
        if self.find_task(message.task_name) is None:
            raise UnknownTaskError(task_name=message.task_name)
        backend = self.result_backend
        if isinstance(backend, InmemoryResultBackend):
            backend.expect(message.task_id)
        if self._backlog or self._timers:
            self._run_backlog()
        delivery = MemoryDelivery(message, self)
        delay = float(message.labels.get(DELAY, 0)) if message.labels else 0.0
        if delay > 0:
            self._submit_later(delivery, delay)
        elif self.await_inplace:
            try:
                await self.receiver.handle(delivery)
            finally:
                self._done(delivery)
        else:
            self.pool.submit(delivery)
            # As a broker with a server would: the event loop gets a turn, so that whoever sends in
            # a loop does not pile up what can run meanwhile.
            await one_turn()

    def listen(self) -> AsyncGenerator[bytes, None]:
        """Raise InMemoryListenError: its tasks run where they are sent, no worker gets them."""
        raise InMemoryListenError

    def put_back(
        self, message: BrokerMessage, attempt: int, delay: float, *, aborted: bool
    ) -> None:
        """A delivery was released: run it again after `delay` seconds, or end it if aborted."""
        delivery = MemoryDelivery(message, self, attempt=attempt, aborted=aborted)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # Whoever cancels running tasks is about to end this event loop: what waits for their
            # places would be started in it, and never finish.
            self._backlog.append(delivery)
            self._backlog.extend(self.pool.withdraw())
        elif delay > 0 and not aborted:
            self._submit_later(delivery, delay)
        else:
            self.pool.submit(delivery)

    def bury(self, message: BrokerMessage, attempt: int, reason: str, error: str | None) -> None:
        """A delivery was given up: keep it."""
        logger.error("%s is buried: %s", message.task_name, reason)
        self._dead.append(
            DeadLetter(
                letter_id=str(next(self._letter_ids)),
                task_id=message.task_id,
                task_name=message.task_name,
                message=message.message,
                attempt=attempt,
                reason=reason,
                error=error,
                buried_at=datetime.now(UTC),
            )
        )

    # -- aborts, and the queue as operators see it --------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Stop the task if it runs; one that waits, delayed or not, ends without being started."""
        if self.receiver.abort(task_id):
            return AbortState.RUNNING
        delayed = [
            (timer, delivery)
            for timer, delivery in self._timers.items()
            if delivery.message.task_id == task_id
        ]
        for timer, delivery in delayed:
            timer.cancel()
            del self._timers[timer]
            self.pool.submit(delivery)
        # Some of the running ones may not have begun: their turn of the event loop is to come.
        ours = (*self._queued(), *self.pool.running)
        found = [each for each in ours if each.message.task_id == task_id and not each.is_settled]
        found.extend(delivery for _, delivery in delayed)
        for delivery in found:
            delivery.aborted = True
        return AbortState.QUEUED if found else AbortState.UNKNOWN

    async def aborts(self) -> AsyncGenerator[str, None]:
        """End at once: `request_abort` stops the task itself."""
        for task_id in list[str]():
            yield task_id

    async def stats(self) -> QueueStats:
        """How many messages wait, run, are delayed and dead."""
        return QueueStats(
            waiting=len(self._queued()),
            delivered=len(self.pool.running),
            delayed=len(self._timers),
            dead=len(self._dead),
        )

    async def purge(self) -> int:
        """Drop all messages that wait or are delayed; how many there were."""
        self._keep_delayed()
        dropped = [*self.pool.withdraw(), *self._backlog]
        self._backlog.clear()
        for delivery in dropped:
            self._done(delivery)
        return len(dropped)

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """Messages that were buried, the latest thousand, those buried first first."""
        return list(islice(self._dead, offset, offset + limit))

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Run dead letters again, as first attempts; how many there were."""
        letters = self._take_dead(letter_ids)
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
        """Forget dead letters; how many there were."""
        return len(self._take_dead(letter_ids))

    def _take_dead(self, letter_ids: Collection[str] | None) -> list[DeadLetter]:
        taken = [d for d in self._dead if letter_ids is None or d.letter_id in letter_ids]
        for letter in taken:
            self._dead.remove(letter)
        return taken

    def _queued(self) -> list[MemoryDelivery]:
        return [*self.pool.waiting, *self._backlog]

    def _done(self, delivery: MemoryDelivery) -> None:
        backend = self.result_backend
        if not delivery.is_back and isinstance(backend, InmemoryResultBackend):
            backend.settled(delivery.message.task_id)

    def _submit_later(self, delivery: MemoryDelivery, delay: float) -> None:
        timer: asyncio.TimerHandle
        self._timers_loop = asyncio.get_running_loop()

        def submit() -> None:
            del self._timers[timer]
            self.pool.submit(delivery)

        timer = self._timers_loop.call_later(delay, submit)
        self._timers[timer] = delivery

    def _run_backlog(self) -> None:
        if self._timers and self._timers_loop is not asyncio.get_running_loop():
            self._keep_delayed()  # that loop is gone: its timers never fire
        while self._backlog:
            self.pool.submit(self._backlog.popleft())

    def _keep_delayed(self) -> None:
        for timer, delivery in self._timers.items():
            timer.cancel()
            self._backlog.append(delivery)
        self._timers.clear()
