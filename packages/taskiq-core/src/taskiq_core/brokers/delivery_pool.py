"""The deliveries that a worker holds: running, and waiting for a slot."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots

SETTLE_TIMEOUT: Final = 5.0
"""Seconds that settlements under way get to finish when what runs is cancelled."""
_Delivery = TypeVar("_Delivery", bound=Delivery)


class DeliveryPool(Generic[_Delivery]):
    """Runs a limited number of deliveries at once, each in its own asyncio task.

    Args:
        handle: what to do with a delivery; settles it, and raises nothing but CancelledError.
        limit: how many run at once; None for no limit.
        prefetch: how many more are held, waiting.
        on_done: called when a delivery has been handled.
    """

    def __init__(
        self,
        handle: Callable[[_Delivery], Coroutine[Any, Any, None]],
        *,
        limit: int | None,
        prefetch: int = 0,
        on_done: Callable[[_Delivery], None] | None = None,
    ) -> None:
        self.slots = Slots(None if limit is None else limit + prefetch)
        self._handle = handle
        self._on_done = on_done
        self._limit = self.slots.limit if limit is None else limit
        self._waiting: deque[_Delivery] = deque()
        # The event loop itself keeps only weak references to its tasks.
        self._running: dict[_Delivery, DeliveryTask] = {}
        self._idle: asyncio.Future[None] | None = None
        self._is_cancelling = False

    @property
    def running(self) -> list[_Delivery]:
        """The deliveries whose tasks run now."""
        return list(self._running)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The asyncio tasks of the deliveries that run now."""
        return set(self._running.values())

    @property
    def waiting(self) -> list[_Delivery]:
        """The deliveries that wait for a slot."""
        return list(self._waiting)

    def is_full(self) -> bool:
        """Return whether another delivery would have to wait for a place."""
        return len(self._running) >= self._limit

    def delivery_of(self, task: asyncio.Task[Any] | None) -> _Delivery | None:
        """Return the delivery that runs in an asyncio task; None if there is none."""
        return next((held for held, runs in self._running.items() if runs is task), None)

    def submit(self, delivery: _Delivery) -> None:
        """Run a delivery, now or when a slot is free."""
        self.slots.take()
        if len(self._running) < self._limit and not self._is_cancelling:
            self._start(delivery)
        else:
            self._waiting.append(delivery)

    def withdraw(self) -> list[_Delivery]:
        """Take back the deliveries that have not been started."""
        withdrawn = list(self._waiting)
        self._waiting.clear()
        for _ in withdrawn:
            self.slots.release()
        return withdrawn

    async def wait_idle(self) -> None:
        """Wait until nothing runs or waits."""
        loop = asyncio.get_running_loop()
        while self._running:
            # One of a loop that is gone will never be set.
            if self._idle is None or self._idle.get_loop() is not loop:
                self._idle = loop.create_future()
            await asyncio.shield(self._idle)

    async def cancel(self) -> None:
        """Cancel what runs, and wait until it is settled.

        Deliveries that wait for a slot are not started meanwhile.
        """
        self._is_cancelling = True
        try:
            # A task that is cancelled before its first step never runs, nor settles its delivery.
            await asyncio.sleep(0)
            for task in self._running.values():
                task.cancel_by_worker()
            settling = [task for task in self._running.values() if task.is_settling]
            if settling:
                _, late = await asyncio.wait(settling, timeout=SETTLE_TIMEOUT)
                for task in late:
                    task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
        finally:
            self._is_cancelling = False

    def _start(self, delivery: _Delivery) -> None:
        loop = asyncio.get_running_loop()
        self._running[delivery] = DeliveryTask(self._run(delivery), loop=loop)

    async def _run(self, delivery: _Delivery) -> None:
        try:
            await self._handle(delivery)
        finally:
            self._finished(delivery)

    def _finished(self, delivery: _Delivery) -> None:
        del self._running[delivery]
        self.slots.release()
        if self._on_done is not None:
            self._on_done(delivery)
        if self._waiting and not self._is_cancelling:
            self._start(self._waiting.popleft())
        elif self._idle is not None and not self._running:
            self._idle.set_result(None)
            self._idle = None
