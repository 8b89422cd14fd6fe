"""A worker that reads a broker's stream of deliveries as the test says."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.slots import Slots
from taskiq_testkit.deadline import within
from taskiq_testkit.probe import ProbeDelivery, Worker

RECLAIM_EVERY: Final = 0.05
"""Seconds between two reclaims while a test waits for a delivery."""


class StreamWorker(Worker):
    """What core's receiver does with a broker, by hand: slots, renewals and reclaims.

    Args:
        broker: whose deliveries to take; it is started.
        slots: how many deliveries may be held.
        patience: seconds to wait for each.

    Attributes:
        renews: whether the leases of what is held are renewed; tests in which they run out turn it
            off.
    """

    def __init__(self, broker: AsyncBroker, slots: int, patience: float) -> None:
        self.broker = broker
        self.renews = True
        self._slots = Slots(slots)
        self._patience = patience
        self._has_leases = Capability.LEASE in (broker.capabilities or ())
        self._held: set[Delivery] = set()
        self._stream: AsyncGenerator[Delivery, None] | None = None
        self._fetching: asyncio.Task[Delivery] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask for the next delivery, if a slot is free, and do not wait for it."""
        if self._stream is None:
            self._stream = self.broker.deliveries(self._slots)
        if self._fetching is None and self._slots.free > 0:
            self._fetching = asyncio.create_task(_next_of(self._stream))

    async def next(self) -> "StreamDelivery":
        """The next delivery, of the probe; expired ones are refused, as core does."""
        delivery = await self.next_delivery()
        while delivery.expired:
            await delivery.bury("expired")
            self.settled(delivery)
            delivery = await self.next_delivery()
        message = self.broker.formatter.loads(delivery.data)
        message.parse_labels()
        return StreamDelivery(self, delivery, message)

    async def take(self, count: int) -> "list[StreamDelivery]":  # type: ignore[override]  # its own kind
        """So many deliveries."""
        return [await self.next() for _ in range(count)]

    async def next_delivery(self) -> Delivery:
        """The next delivery, whatever its bytes are."""
        self.begin()
        if self._fetching is None:
            raise AssertionError("the test holds as many deliveries as its worker has slots")
        async with within(self._patience, "the delivery of a message"), self._reclaiming():
            await asyncio.wait({self._fetching})
        fetching, self._fetching = self._fetching, None
        delivery = fetching.result()
        self._slots.take()
        self._held.add(delivery)
        if delivery.lease is not None and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        return delivery

    async def fetch(self) -> Delivery:
        """The next delivery as the broker gives it; the caller watches over its time."""
        if self._stream is None:
            self._stream = self.broker.deliveries(self._slots)
        return await anext(self._stream)

    def settled(self, delivery: Delivery) -> None:
        """The test settled a delivery: its slot is free again."""
        if delivery in self._held:
            self._held.remove(delivery)
            self._slots.release()

    async def close(self) -> None:
        """Stop as a worker does that has no time to settle what it holds."""
        for task in (self._fetching, self._renewing):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if self._fetching is not None and not self._fetching.cancelled():
            self._fetching.exception()  # a test that waited has seen it
        self._fetching = self._renewing = None
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    @asynccontextmanager
    async def _reclaiming(self) -> AsyncGenerator[None, None]:
        if not self._has_leases:
            yield
            return
        reclaiming = asyncio.create_task(self._reclaim())
        try:
            yield
        finally:
            reclaiming.cancel()
            await asyncio.wait({reclaiming})
        if not reclaiming.cancelled():
            reclaiming.result()

    async def _reclaim(self) -> None:
        while True:
            await self.broker.reclaim()
            await asyncio.sleep(RECLAIM_EVERY)

    async def _renew(self) -> None:
        while True:
            leases = [each.lease for each in self._held if each.lease is not None]
            await asyncio.sleep(min(leases, default=RECLAIM_EVERY) / 3)
            if self.renews and leases:
                await self.broker.renew_leases(list(self._held))


class StreamDelivery(ProbeDelivery):
    """A delivery from a stream.

    Attributes:
        delivery: the broker's own.
    """

    def __init__(self, worker: StreamWorker, delivery: Delivery, message: TaskiqMessage) -> None:
        super().__init__(message, delivery.attempt)
        self.delivery = delivery
        self._worker = worker

    async def ack(self) -> None:
        """Acknowledge it."""
        await self.delivery.ack()
        self._worker.settled(self.delivery)

    async def release(self, delay: float = 0) -> None:
        """Give it back."""
        await self.delivery.release(delay)
        self._worker.settled(self.delivery)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Move it to the dead letters."""
        await self.delivery.bury(reason, error)
        self._worker.settled(self.delivery)


async def _next_of(stream: AsyncGenerator[Delivery, None]) -> Delivery:
    """Return the next delivery, and bury expired ones before it, as a worker does."""
    with contextlib.suppress(StopAsyncIteration):
        while (delivery := await anext(stream)).expired:
            await delivery.bury("expired")
        return delivery
    raise AssertionError("the broker's stream of deliveries ended by itself")
