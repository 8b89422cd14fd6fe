"""MemoryQueue: the messages of this process, from `kick` until they are settled."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_inmemory.delivery import MemoryDelivery
from taskiq_inmemory.options import MAX_DEAD_LETTERS

logger = logging.getLogger(__name__)


class MemoryQueue:
    """Runs messages when they are due, and keeps those that an event loop left unfinished.

    A message is in one of four places: in the pool, which runs it when a slot is free; with a
    timer, while it is delayed; in the backlog, from the end of one event loop until `resume` is
    called in another; or among the dead letters.

    Args:
        handle: runs the task of a delivery and settles the delivery.
        limit: how many deliveries run at once.
        on_settled: called with a task id when its delivery was handled and not released.
    """

    def __init__(
        self,
        handle: Callable[[MemoryDelivery], Coroutine[Any, Any, None]],
        *,
        limit: int,
        on_settled: Callable[[str], None],
    ) -> None:
        self.pool: DeliveryPool[MemoryDelivery] = DeliveryPool(
            handle, limit=limit, on_done=self._done
        )
        self._handle = handle
        self._on_settled = on_settled
        self._backlog: deque[MemoryDelivery] = deque()
        self._timers: dict[asyncio.TimerHandle, MemoryDelivery] = {}
        self._timers_loop: asyncio.AbstractEventLoop | None = None
        self._dead: deque[DeadLetter] = deque(maxlen=MAX_DEAD_LETTERS)
        self._letter_ids = count(1)

    # -- delivering ---------------------------------------------------------------------------

    def submit(self, message: BrokerMessage, delay: float = 0.0) -> None:
        """Run a message in `delay` seconds, or when a slot is free then."""
        self._submit(MemoryDelivery(message, self), delay)

    async def run(self, message: BrokerMessage) -> None:
        """Run a message now, beside what the pool runs."""
        delivery = MemoryDelivery(message, self)
        try:
            await self._handle(delivery)
        finally:
            self._done(delivery)

    def resume(self) -> None:
        """Run what earlier event loops left unfinished."""
        if self._timers and self._timers_loop is not asyncio.get_running_loop():
            self._stop_timers()  # that loop has ended: its timers never fire
        while self._backlog:
            self.pool.submit(self._backlog.popleft())

    async def stop(self, patience: float) -> Collection[MemoryDelivery]:
        """Let running tasks finish for `patience` seconds, then cancel them.

        Returns:
            The deliveries that did not finish; `resume` runs them.
        """
        try:
            async with asyncio.timeout(patience):
                await self.pool.wait_idle()
        except TimeoutError:
            self._backlog.extend(self.pool.withdraw())
            await self.pool.cancel()
        self._stop_timers()
        return self._backlog

    def _submit(self, delivery: MemoryDelivery, delay: float) -> None:
        if delay <= 0:
            self.pool.submit(delivery)
            return
        timer: asyncio.TimerHandle
        self._timers_loop = asyncio.get_running_loop()

        def submit() -> None:
            del self._timers[timer]
            self.pool.submit(delivery)

        timer = self._timers_loop.call_later(delay, submit)
        self._timers[timer] = delivery

    def _stop_timers(self) -> None:
        for timer, delivery in self._timers.items():
            timer.cancel()
            self._backlog.append(delivery)
        self._timers.clear()

    def _done(self, delivery: MemoryDelivery) -> None:
        if not delivery.is_released:
            self._on_settled(delivery.message.task_id)

    # -- settling -----------------------------------------------------------------------------

    def release(self, delivery: MemoryDelivery, delay: float) -> None:
        """Deliver a message again, as its next attempt, in `delay` seconds."""
        again = MemoryDelivery(
            delivery.message, self, attempt=delivery.attempt + 1, aborted=delivery.aborted
        )
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # Running tasks are cancelled when this event loop is about to end: a message that
            # waits for a slot would be started in it, and never finish.
            self._backlog.append(again)
            self._backlog.extend(self.pool.withdraw())
        else:
            self._submit(again, 0.0 if again.aborted else delay)

    def bury(self, delivery: MemoryDelivery, reason: str, error: str | None) -> None:
        """Move a message to the dead letters."""
        logger.error("%s is buried: %s", delivery, reason)
        message = delivery.message
        self._dead.append(
            DeadLetter(
                letter_id=str(next(self._letter_ids)),
                task_id=message.task_id,
                task_name=message.task_name,
                message=message.message,
                attempt=delivery.attempt,
                reason=reason,
                error=error,
                buried_at=datetime.now(UTC),
            )
        )

    def abort(self, task_id: str) -> bool:
        """Mark the unsettled deliveries of a task as aborted; delayed ones become due.

        Returns:
            Whether there was one.
        """
        delayed = [
            (timer, delivery)
            for timer, delivery in self._timers.items()
            if delivery.message.task_id == task_id
        ]
        # Some of the running ones have not begun: their turn of the event loop is to come.
        held = [
            each
            for each in (*self._waiting(), *self.pool.running)
            if each.message.task_id == task_id and not each.is_settled
        ]
        for delivery in [*held, *(delivery for _, delivery in delayed)]:
            delivery.aborted = True
        for timer, delivery in delayed:
            timer.cancel()
            del self._timers[timer]
            self.pool.submit(delivery)
        return bool(held or delayed)

    # -- operators ----------------------------------------------------------------------------

    def stats(self) -> QueueStats:
        """Count the messages by where they are."""
        return QueueStats(
            waiting=len(self._waiting()),
            delivered=len(self.pool.running),
            delayed=len(self._timers),
            dead=len(self._dead),
        )

    def purge(self) -> int:
        """Drop the messages that wait or are delayed.

        Returns:
            The number of messages removed.
        """
        self._stop_timers()
        dropped = [*self.pool.withdraw(), *self._backlog]
        self._backlog.clear()
        for delivery in dropped:
            self._done(delivery)
        return len(dropped)

    def dead_letters(self, limit: int, offset: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first."""
        return list(islice(self._dead, offset, offset + limit))

    def take_dead_letters(self, letter_ids: Collection[str] | None) -> list[DeadLetter]:
        """Remove the dead letters with these ids, or all, and return them."""
        taken = [d for d in self._dead if letter_ids is None or d.letter_id in letter_ids]
        for letter in taken:
            self._dead.remove(letter)
        return taken

    def _waiting(self) -> list[MemoryDelivery]:
        return [*self.pool.waiting, *self._backlog]
