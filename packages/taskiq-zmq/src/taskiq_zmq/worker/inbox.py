"""Inbox: deliveries that came and are not yielded yet, and credit for more of them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots
from taskiq_zmq.delivery import ZeroMQDelivery
from taskiq_zmq.errors import AlreadyListeningError
from taskiq_zmq.protocol import records
from taskiq_zmq.worker.credit import CreditPool
from taskiq_zmq.worker.link import Link
from taskiq_zmq.worker.routes import Routes


class Inbox:
    """Takes deliveries while there is a listener, and shares its slots among the hubs.

    Args:
        links: the connections to hubs.
        routes: where the results of deliveries go.
        flush_soon: sends records at the end of this turn.
    """

    def __init__(
        self, links: Sequence[Link], routes: Routes, flush_soon: Callable[[], None]
    ) -> None:
        self._links = links
        self._routes = routes
        self._flush_soon = flush_soon
        self._pool: CreditPool[Link] | None = None
        self._waiting: deque[tuple[Link, ZeroMQDelivery]] = deque()
        self._arrival: asyncio.Future[None] | None = None

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries as they come, and grant the hubs as many as there are slots.

        Deliveries that are not yielded when the iteration ends are returned to their hubs.

        Raises:
            AlreadyListeningError: there is a listener already.
        """
        if self._pool is not None:
            raise AlreadyListeningError
        self._pool = CreditPool(slots)
        for link in self._links:
            if link.is_up:
                self._pool.join(link)
        slots.on_freed = self._flush_soon
        self._flush_soon()
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._waiting:
                    yield self._waiting.popleft()[1]
                self._arrival = loop.create_future()
                await self._arrival
        finally:
            slots.on_freed = None
            self._pool = None
            self._arrival = None
            self._return_all()

    def grant_credit(self) -> None:
        """Add records to the outboxes that grant free slots, or take back unused credit."""
        if self._pool is not None:
            for link, granted in self._pool.grow():
                link.outbox.add(records.Grant(granted))
            for link in self._pool.recall():
                link.outbox.add(records.Recall())

    def on_up(self, link: Link) -> None:
        """Share the slots with another hub."""
        if self._pool is not None:
            self._pool.join(link)

    def on_down(self, link: Link) -> None:
        """Drop the deliveries of a lost hub: it gives them to other workers."""
        stale = [delivery for origin, delivery in self._waiting if origin is link]
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not link)
        for delivery in stale:
            self._routes.remove(delivery)
        if self._pool is not None:
            self._pool.leave(link, unused=len(stale))

    def on_task(self, link: Link, task: records.Task) -> None:
        """Take a delivery, or send it back if the hub had no credit."""
        if self._pool is None or not self._pool.receive(link):
            self._return(link, task.tag)
            return
        delivery = ZeroMQDelivery(task, link, link.epoch)
        self._routes.add(link, delivery)
        self._waiting.append((link, delivery))
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def on_want(self, link: Link, record: records.Want) -> None:
        """Prefer a hub that has more tasks than credit."""
        del record
        if self._pool is not None:
            self._pool.want(link)
            self._flush_soon()

    def on_recalled(self, link: Link, record: records.Recalled) -> None:
        """Take back the credit that a hub has not used."""
        del record
        if self._pool is not None:
            self._pool.recalled(link)
            self._flush_soon()

    def _return_all(self) -> None:
        for link in self._links:
            if link.is_up:
                link.outbox.add(records.Recall())
        waiting, self._waiting = self._waiting, deque()
        for link, delivery in waiting:
            self._return(link, delivery.tag)
            self._routes.remove(delivery)
        self._flush_soon()

    def _return(self, link: Link, tag: int) -> None:
        link.outbox.add(records.Returns((tag,)))
        self._flush_soon()
