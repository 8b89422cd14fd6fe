"""HeldDeliveries: what a worker has, which of it is to be aborted, and what it lost."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from taskiq_aio_pika.queue.delivery import RabbitDelivery


class HeldDeliveries:
    """The deliveries of one event loop that are not settled."""

    def __init__(self) -> None:
        self._by_task: dict[str, list[RabbitDelivery]] = {}
        self._marked: set[str] = set()
        self._listeners: set[asyncio.Queue[str]] = set()
        self._lost: asyncio.Queue[RabbitDelivery] = asyncio.Queue()

    def add(self, delivery: RabbitDelivery) -> None:
        """Note a delivery that has come."""
        if delivery.task_id is not None:
            self._by_task.setdefault(delivery.task_id, []).append(delivery)

    def remove(self, delivery: RabbitDelivery) -> None:
        """Forget one that was settled or lost, and with it the mark of its task."""
        of_task = self._by_task.get(delivery.task_id or "", [])
        if delivery in of_task:
            of_task.remove(delivery)
        if not of_task and delivery.task_id is not None:
            self._by_task.pop(delivery.task_id, None)
            self._marked.discard(delivery.task_id)

    def lose(self, deliveries: Iterable[RabbitDelivery]) -> None:
        """Forget deliveries whose channel has ended, and tell the worker."""
        for delivery in deliveries:
            self.remove(delivery)
            self._lost.put_nowait(delivery)

    def mark_aborted(self, task_id: str) -> bool:
        """Mark a task as aborted, and return whether this worker has it."""
        of_task = self._by_task.get(task_id)
        if not of_task:
            return False
        self._marked.add(task_id)
        for delivery in of_task:
            delivery.aborted = True
        for listener in self._listeners:
            listener.put_nowait(task_id)
        return True

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of marked tasks, now and from now on."""
        found: asyncio.Queue[str] = asyncio.Queue()
        for task_id in self._marked:
            found.put_nowait(task_id)
        self._listeners.add(found)
        try:
            while True:
                yield await found.get()
        finally:
            self._listeners.discard(found)

    async def lost(self) -> AsyncGenerator[RabbitDelivery, None]:
        """Yield deliveries whose channel has ended."""
        while True:
            yield await self._lost.get()
