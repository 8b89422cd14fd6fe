"""Settling: acknowledgements of a channel, and messages that are published again before that."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import aiormq.abc

from taskiq_aio_pika.errors import QueueMissingError
from taskiq_aio_pika.queue.dead_letter_codec import letter_headers
from taskiq_aio_pika.queue.delays import MAX_DELAY
from taskiq_aio_pika.queue.delivery import RabbitDelivery
from taskiq_aio_pika.queue.enqueue import Enqueuer, NewMessage
from taskiq_aio_pika.queue.held import HeldDeliveries
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection
from taskiq_aio_pika.storage.error_mapping import mapped_errors
from taskiq_aio_pika.storage.publisher import Publication, Publisher
from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import LeaseLostError


class DeliveryChannel:
    """A channel, and the deliveries that came by it until they are settled.

    Args:
        channel: open.
        connection: of the event loop.
        held: learns of what is lost when the channel ends.
        on_change: called when something was acknowledged, and when the channel has ended.
    """

    def __init__(
        self,
        channel: aiormq.abc.AbstractChannel,
        connection: RabbitConnection,
        held: HeldDeliveries,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.channel = channel
        self._connection = connection
        self._held = held
        self._on_change = on_change
        self._deliveries: OrderedDict[int, RabbitDelivery] = OrderedDict()
        self.on_acknowledged: Callable[[RabbitDelivery], None] | None = None
        self.acknowledge = Coalescer(self._acknowledge_all)
        channel.closing.add_done_callback(self._ended)

    @property
    def is_open(self) -> bool:
        """Whether deliveries can be settled."""
        return not self.channel.is_closed

    @property
    def deliveries(self) -> Sequence[RabbitDelivery]:
        """What is not settled, in the order in which it came."""
        return list(self._deliveries.values())

    def add(self, delivery: RabbitDelivery) -> None:
        """Hold a delivery that has come."""
        self._deliveries[delivery.tag] = delivery
        self._held.add(delivery)

    def holds(self, tag: int) -> bool:
        """Return whether a delivery can be settled."""
        return self.is_open and tag in self._deliveries

    def _ended(self, closing: "asyncio.Future[object]") -> None:
        if not closing.cancelled():
            closing.exception()
        lost = self.deliveries
        self._deliveries.clear()
        self._held.lose(lost)
        if self._on_change is not None:
            self._on_change()

    async def _acknowledge_all(self, tags: Sequence[int]) -> Sequence[BaseException | None]:
        """Acknowledge, and wait until the server has seen it: acks have no answer of their own."""
        known = {tag for tag in tags if self.holds(tag)}
        if known:
            try:
                with mapped_errors(self._connection.address, timeout=self._connection.timeout):
                    async with asyncio.timeout(self._connection.timeout):
                        await self._write(known)
                        await self.channel.flow(active=True)
            except Exception:
                if self.is_open:
                    raise
                known = set()
            for tag in known:
                self._forget(tag)
            if self._on_change is not None:
                self._on_change()
        return [None if tag in known else _lost() for tag in tags]

    async def _write(self, tags: set[int]) -> None:
        """Acknowledge the oldest ones that are held, without a gap, in one frame."""
        last = 0
        for tag in self._deliveries:
            if tag not in tags:
                break
            last = tag
        if last:
            await self.channel.basic_ack(last, multiple=True, wait=False)
        for tag in sorted(tag for tag in tags if tag > last):
            await self.channel.basic_ack(tag, wait=False)

    def _forget(self, tag: int) -> None:
        delivery = self._deliveries.pop(tag, None)
        if delivery is not None:
            self._held.remove(delivery)
            if self.on_acknowledged is not None:
                self.on_acknowledged(delivery)


def _lost() -> LeaseLostError:
    return LeaseLostError(reason="the channel that it came by is closed, or it was settled before")


class Settler:
    """Publishes what is released or buried, then acknowledges it.

    Args:
        enqueuer: of the event loop.
        publisher: likewise.
        topology: likewise.
    """

    def __init__(self, enqueuer: Enqueuer, publisher: Publisher, topology: Topology) -> None:
        self._enqueuer = enqueuer
        self._publisher = publisher
        self._topology = topology

    async def release(self, delivery: RabbitDelivery, delay: float) -> None:
        """Queue a message again, as its next attempt."""
        headers = delivery.headers.after_release(delivery.failures)
        wait = min(max(delay, 0.0), MAX_DELAY)
        await self._enqueuer.send([NewMessage(delivery.queue, delivery.data, headers, wait)])
        await self._acknowledge(delivery)

    async def give_back(self, deliveries: Sequence[RabbitDelivery]) -> None:
        """Queue messages again that were not started, without counting an attempt."""
        held = [each for each in deliveries if each.holder.holds(each.tag)]
        messages = [NewMessage(each.queue, each.data, each.headers) for each in held]
        if messages:
            await self._enqueuer.send(messages)
            await asyncio.gather(*(self._acknowledge(each) for each in held))

    async def count_loss(self, delivery: RabbitDelivery) -> None:
        """Queue a message again with one lost delivery more, where the server counts none."""
        headers = delivery.headers.after_loss()
        await self._enqueuer.send([NewMessage(delivery.queue, delivery.data, headers)])
        await self._acknowledge(delivery)

    async def bury(self, delivery: RabbitDelivery, reason: str, error: str | None) -> None:
        """Move a message to the dead letters of its queue.

        Args:
            delivery: it.
            reason: why it is buried.
            error: the text of the last exception, if there was one.
        """
        name = await self._topology.ensure_dead_letters(delivery.queue)
        headers = letter_headers(
            delivery.headers,
            letter_id=uuid.uuid4().hex,
            reason=reason,
            error=error,
            buried_at=datetime.now(UTC),
        )
        try:
            await self._publisher.publish(Publication(name, delivery.data, headers))
        except QueueMissingError:  # it was deleted since it was declared
            self._topology.forget(name)
            await self._topology.ensure_dead_letters(delivery.queue)
            await self._publisher.publish(Publication(name, delivery.data, headers))
        await self._acknowledge(delivery)

    async def _acknowledge(self, delivery: RabbitDelivery) -> None:
        # Its channel may have ended meanwhile: it comes twice, and is not lost.
        with suppress(LeaseLostError):
            await delivery.holder.acknowledge(delivery.tag)
