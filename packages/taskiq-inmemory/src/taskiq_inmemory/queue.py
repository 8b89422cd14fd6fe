"""MemoryQueue: the messages of this process, from `kick` until they are settled."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from typing import Any

from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.loggers import get_logger
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_inmemory.delivery import MemoryDelivery
from taskiq_inmemory.options import MAX_DEAD_LETTERS

logger = get_logger(__name__)


class MemoryQueue:
    """Runs messages when they are due, and keeps messages that an event loop left unfinished.

    A message is in one of five places: in its queue, while no slot is free or the queue is paused;
    in the pool, which runs it; with a timer, while it is delayed; in the backlog, from the end of
    one event loop until `run_backlog` is called in another; or among the dead letters.

    Args:
        handle: runs the task of a delivery and settles the delivery.
        limit: how many deliveries run at once; None for no limit.
        default_queue: the queue of messages that name none.
        waits_for_delays: whether delayed messages wait; otherwise they are due at once.
        on_settled: called with a task id when its delivery was handled and not released.

    Attributes:
        pool: the deliveries that run.
        waiting: the queues, each with the deliveries that it holds.
        delayed: the deliveries that are delayed, with their timers.
        dead: the dead letters with the queues that they were in, oldest first.
        paused: the names of the queues that hand out nothing.
    """

    def __init__(
        self,
        handle: Callable[[MemoryDelivery], Coroutine[Any, Any, None]],
        *,
        limit: int | None,
        default_queue: str,
        waits_for_delays: bool,
        on_settled: Callable[[str], None],
    ) -> None:
        self.pool: DeliveryPool[MemoryDelivery] = DeliveryPool(
            handle, limit=limit, on_done=self._done
        )
        self.waiting: dict[str, deque[MemoryDelivery]] = {default_queue: deque()}
        self.delayed: dict[asyncio.TimerHandle, MemoryDelivery] = {}
        self.dead: deque[tuple[str, DeadLetter]] = deque(maxlen=MAX_DEAD_LETTERS)
        self.paused: set[str] = set()
        self._default_queue = default_queue
        self._waits_for_delays = waits_for_delays
        self._weights: Mapping[str, int] = {}
        self._order = QueueOrder(QueueSelection({default_queue: 1}))
        self._handle = handle
        self._on_settled = on_settled
        self._backlog: deque[MemoryDelivery] = deque()
        self._timers_loop: asyncio.AbstractEventLoop | None = None
        self._letter_ids = count(1)

    # -- delivering ---------------------------------------------------------------------------

    def submit(self, message: BrokerMessage, queue_name: str | None, delay: float = 0.0) -> None:
        """Run a message in `delay` seconds, or when a slot is free then.

        Args:
            message: what was sent.
            queue_name: the queue that it asks for.
            delay: seconds that it is to wait.
        """
        self._submit(self._delivery(message, queue_name), delay)

    async def run(self, message: BrokerMessage, queue_name: str | None) -> None:
        """Run a message now, beside what the pool runs, and again as often as it is released."""
        delivery: MemoryDelivery | None = self._delivery(message, queue_name)
        while delivery is not None:
            delivery.is_inplace = True
            try:
                await self._handle(delivery)
            finally:
                self._settled(delivery)
            delivery = delivery.next

    def weigh(self, weights: Mapping[str, int]) -> None:
        """Give queues their shares of the slots. A queue without a weight has 1."""
        self._weights = weights
        names = dict.fromkeys(self.waiting, 1)
        self._order = QueueOrder(QueueSelection({**names, **weights}))

    def run_backlog(self) -> None:
        """Run what earlier event loops left unfinished."""
        if self.delayed and self._timers_loop is not asyncio.get_running_loop():
            self._stop_timers()  # that loop has ended: its timers never fire
        if not self._backlog:
            return
        while self._backlog:
            self._enqueue(self._backlog.popleft())
        self._feed()

    async def stop(self, patience: float) -> Collection[MemoryDelivery]:
        """Let running tasks finish for `patience` seconds, then cancel them.

        Returns:
            The deliveries that did not finish; `run_backlog` runs them.
        """
        try:
            async with asyncio.timeout(patience):
                await self.pool.wait_idle()
        except TimeoutError:
            self._withdraw()
            await self.pool.cancel()
        self._withdraw()
        self._stop_timers()
        return self._backlog

    def _delivery(self, message: BrokerMessage, queue_name: str | None) -> MemoryDelivery:
        name = queue_name or self._default_queue
        if name not in self.waiting:
            self.waiting[name] = deque()
            self.weigh(self._weights)
        return MemoryDelivery(message, self, queue_name=name)

    def _submit(self, delivery: MemoryDelivery, delay: float) -> None:
        if delay <= 0 or not self._waits_for_delays:
            # While a slot is free, all that waits is paused.
            slots = self.pool.slots
            if slots.taken < slots.limit and delivery.queue_name not in self.paused:
                self.pool.submit(delivery)
            else:
                self._enqueue(delivery)
            return
        timer: asyncio.TimerHandle
        self._timers_loop = asyncio.get_running_loop()

        def submit() -> None:
            del self.delayed[timer]
            self._submit(delivery, 0.0)

        timer = self._timers_loop.call_later(delay, submit)
        delivery.due_at = datetime.now(UTC) + timedelta(seconds=delay)
        self.delayed[timer] = delivery

    def _enqueue(self, delivery: MemoryDelivery) -> None:
        self.waiting[delivery.queue_name].append(delivery)

    def _feed(self) -> None:
        """Start deliveries while slots are free, queue by queue in the order of their weights."""
        while self.pool.slots.free > 0:
            for name in self._order.queues():
                if self.waiting.get(name) and name not in self.paused:
                    break
            else:
                return
            self._order.served(name)
            self.pool.submit(self.waiting[name].popleft())

    def _withdraw(self) -> None:
        """Move what waits to the backlog, so that nothing is started in this event loop."""
        for deliveries in self.waiting.values():
            self._backlog.extend(deliveries)
            deliveries.clear()

    def _stop_timers(self) -> None:
        for timer, delivery in self.delayed.items():
            timer.cancel()
            self._backlog.append(delivery)
        self.delayed.clear()

    def _done(self, delivery: MemoryDelivery) -> None:
        if not delivery.is_released:
            self._on_settled(delivery.message.task_id)
        if any(self.waiting.values()):
            self._feed()

    def _settled(self, delivery: MemoryDelivery) -> None:
        if not delivery.is_released:
            self._on_settled(delivery.message.task_id)

    # -- settling -----------------------------------------------------------------------------

    def release(self, delivery: MemoryDelivery, delay: float) -> None:
        """Deliver a message again, as its next attempt, in `delay` seconds."""
        again = delivery.again()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # Running tasks are cancelled when this event loop is about to end: a message that
            # waits for a slot would be started in it, and never finish.
            self._backlog.append(again)
            self._withdraw()
        elif delivery.is_inplace and not (self._waits_for_delays and delay > 0):
            delivery.next = again
        else:
            self._submit(again, 0.0 if again.aborted else delay)

    def bury(self, delivery: MemoryDelivery, reason: str, error: str | None) -> None:
        """Move a message to the dead letters; see `SettlingQueue`."""
        logger.error("%s is buried: %s", delivery, reason)
        message = delivery.message
        letter = DeadLetter(
            letter_id=str(next(self._letter_ids)),
            task_id=message.task_id,
            task_name=message.task_name,
            message=message.message,
            attempt=delivery.attempt,
            reason=reason,
            error=error,
            buried_at=datetime.now(UTC),
        )
        self.dead.append((delivery.queue_name, letter))

    def abort(self, task_id: str) -> bool:
        """Mark the unsettled deliveries of a task as aborted; delayed ones become due.

        Returns:
            Whether there was one.
        """
        # Some of the running ones have not begun: their turn of the event loop is to come.
        waiting = chain(*self.waiting.values(), self._backlog)
        held = [
            each
            for each in (*waiting, *self.pool.running)
            if each.message.task_id == task_id and not each.is_settled
        ]
        delayed = self._take_delayed(task_id)
        for delivery in [*held, *delayed]:
            delivery.aborted = True
        self._submit_all(delayed)
        return bool(held or delayed)

    def _take_delayed(self, task_id: str, queue: str | None = None) -> list[MemoryDelivery]:
        """Take the delayed deliveries of a task, of one queue or of all, from their timers."""
        timers = [
            timer
            for timer, delivery in self.delayed.items()
            if delivery.message.task_id == task_id and queue in (None, delivery.queue_name)
        ]
        for timer in timers:
            timer.cancel()
        return [self.delayed.pop(timer) for timer in timers]

    def _submit_all(self, deliveries: Collection[MemoryDelivery]) -> None:
        for delivery in deliveries:
            self._submit(delivery, 0.0)

    # -- operators ----------------------------------------------------------------------------

    def stats(self, queue: str) -> QueueStats:
        """Count the messages of a queue by where they are."""
        waiting = self.waiting_in(queue)
        oldest = min((each.sent_at for each in waiting), default=None)
        return QueueStats(
            waiting=len(waiting),
            delivered=sum(each.queue_name == queue for each in self.pool.running),
            delayed=sum(each.queue_name == queue for each in self.delayed.values()),
            dead=sum(name == queue for name, _ in self.dead),
            oldest_age=None if oldest is None else (datetime.now(UTC) - oldest).total_seconds(),
            is_paused=queue in self.paused,
        )

    def waiting_in(self, queue: str) -> list[MemoryDelivery]:
        """Return the deliveries of a queue that wait for a slot or for another event loop."""
        backlog = (each for each in self._backlog if each.queue_name == queue)
        return [*self.waiting.get(queue, ()), *backlog]

    def pause(self, queue: str) -> None:
        """Start nothing more from a queue."""
        self.paused.add(queue)

    def unpause(self, queue: str) -> None:
        """Start messages of a queue again."""
        self.paused.discard(queue)
        self._feed()

    def move_to_now(self, task_id: str, queue: str) -> bool:
        """Run a delayed message as soon as a slot is free.

        Returns:
            Whether there was one.
        """
        moved = self._take_delayed(task_id, queue)
        self._submit_all(moved)
        return bool(moved)

    def purge(self, queue: str) -> int:
        """Drop the messages of a queue that wait or are delayed.

        Returns:
            The number of messages removed.
        """
        timers = [timer for timer, each in self.delayed.items() if each.queue_name == queue]
        for timer in timers:
            timer.cancel()
        delayed = [self.delayed.pop(timer) for timer in timers]
        dropped = [*self.waiting_in(queue), *delayed]
        if queue in self.waiting:
            self.waiting[queue].clear()
        self._backlog = deque(each for each in self._backlog if each.queue_name != queue)
        for delivery in dropped:
            self._settled(delivery)
        return len(dropped)

    def dead_letters(self, limit: int, offset: int, queue: str) -> list[DeadLetter]:
        """Return a page of the dead letters of a queue, oldest first.

        Args:
            limit: how many letters to return at most.
            offset: how many of the oldest letters to skip.
            queue: its name.
        """
        letters = (letter for name, letter in self.dead if name == queue)
        return list(islice(letters, offset, offset + limit))

    def take_dead_letters(self, letter_ids: Collection[str] | None, queue: str) -> list[DeadLetter]:
        """Remove the dead letters of a queue with these ids, or all, and return them."""
        taken = [
            (name, letter)
            for name, letter in self.dead
            if name == queue and (letter_ids is None or letter.letter_id in letter_ids)
        ]
        for each in taken:
            self.dead.remove(each)
        return [letter for _, letter in taken]
