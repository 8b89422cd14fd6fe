"""Subscription: messages that the server pushes, never more than the worker has free slots."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, Final

import aiormq.abc

from taskiq_aio_pika.errors import RabbitCommandError, RabbitUnreachableError
from taskiq_aio_pika.queue.codec import SERVER_COUNT, MessageHeaders, read_headers
from taskiq_aio_pika.queue.delivery import RabbitDelivery
from taskiq_aio_pika.queue.held import HeldDeliveries
from taskiq_aio_pika.queue.settle import DeliveryChannel, Settler
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection, close_channel
from taskiq_aio_pika.storage.error_mapping import mapped_errors, to_the_end
from taskiq_core.exceptions import BrokerError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.slots import Slots

logger = get_logger(__name__)

BALANCE_AFTER: Final = 0.05
"""Seconds after which credit and free slots must agree again.

A task is acknowledged a moment before its slot is free, or long before it, when it is received.
"""


class Consumer:
    """One `basic.consume`: how many messages the server may push, and how many it did.

    Attributes:
        queue: the queue of tasks.
        credit: messages that may be unacknowledged at a time.
        outstanding: messages that are.
    """

    def __init__(self, queue: str, credit: int) -> None:
        self.queue = queue
        self.credit = credit
        self.outstanding = 0
        self.tag = ""

    @property
    def left(self) -> int:
        """Messages that the server may push now."""
        return self.credit - self.outstanding


def read_delivery(
    message: aiormq.abc.DeliveredMessage, *, queue: str, holder: DeliveryChannel, settler: Settler
) -> RabbitDelivery:
    """Return the delivery of a message that came from the server.

    Args:
        message: as aiormq gives it.
        queue: the queue of tasks that it belongs to.
        holder: the channel that it came by.
        settler: releases and buries it.
    """
    properties = message.header.properties
    unreadable = None
    try:
        headers = read_headers(properties.headers, message_id=properties.message_id)
    except ValueError as error:
        headers = MessageHeaders(task_id=properties.message_id, task_name=None)
        unreadable = str(error)
    return RabbitDelivery(
        message.body,
        headers=headers,
        queue=queue,
        tag=message.delivery_tag or 0,
        holder=holder,
        settler=settler,
        expired=headers.expires_at is not None and headers.expires_at <= time.time() * 1000,
        unreadable=unreadable,
    )


class Subscription:
    """The deliveries of a worker, from one channel.

    Args:
        connection: of the event loop.
        topology: likewise.
        settler: likewise.
        held: likewise.
        slots: how many more deliveries the worker can hold.
        weights: the queues with their shares of the slots.
        most: messages held at most, whatever the slots.
    """

    def __init__(
        self,
        connection: RabbitConnection,
        topology: Topology,
        settler: Settler,
        held: HeldDeliveries,
        *,
        slots: Slots,
        weights: Mapping[str, int],
        most: int,
    ) -> None:
        self._connection = connection
        self._topology = topology
        self._settler = settler
        self._held = held
        self._slots = slots
        self._weights = weights
        self._most = min(most, slots.limit)
        # Each queue gets a credit of at least one.
        self._excess = max(len(weights) - self._most, 0)
        self._wakeup = asyncio.Event()
        self._rebalance = asyncio.Event()
        self._failure: BrokerError | None = None
        self._buffer: deque[RabbitDelivery] = deque()
        self._consumers: dict[int, Consumer] = {}
        self._current: list[Consumer] = []
        self._cancelled_queue: str | None = None
        self._counting: set[asyncio.Task[None]] = set()
        self._source: DeliveryChannel | None = None

    async def deliveries(self) -> AsyncGenerator[RabbitDelivery, None]:
        """Yield deliveries until the channel ends.

        Raises:
            RabbitUnreachableError: the connection ended.
            RabbitCommandError: the server cancelled the subscription, or closed the channel.
        """
        self._slots.on_freed = self._changed
        balancing: asyncio.Task[None] | None = None
        try:
            await to_the_end(self._open())
            balancing = asyncio.create_task(self._keep_balanced())
            while True:
                self._wakeup.clear()
                self._raise_if_ended()
                if self._buffer and self._slots.free > 0:
                    yield self._buffer.popleft()
                else:
                    await self._wakeup.wait()
        finally:
            self._slots.on_freed = None
            await to_the_end(self._close(balancing))

    def _changed(self) -> None:
        """Look again: a message came, a slot is free, something was acknowledged, or it ended."""
        self._wakeup.set()
        self._rebalance.set()

    # -- credit -------------------------------------------------------------------------------

    async def _keep_balanced(self) -> None:
        """Balance in the background: a worker without a free slot does not ask for the next one."""
        unbalanced_since: float | None = None
        while True:
            self._rebalance.clear()
            if self._is_balanced():
                unbalanced_since = None
                await self._rebalance.wait()
                continue
            now = time.monotonic()
            unbalanced_since = unbalanced_since or now
            wait = unbalanced_since + BALANCE_AFTER - now
            if wait > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._rebalance.wait()
                continue
            unbalanced_since = None
            try:
                await to_the_end(self._balance())
            except BrokerError as error:
                self._failure = error
                self._wakeup.set()
                return

    def _is_balanced(self) -> bool:
        free = min(self._slots.free, self._most)
        expected = sum(each.left for each in self._current) + len(self._buffer)
        if expected > free + self._excess:
            return False
        is_reduced = sum(each.credit for each in self._current) < self._most
        return not is_reduced or expected >= free

    async def _balance(self) -> None:
        """Have the server push as many messages as there are free slots, and give back others."""
        source = self._source
        if source is None or not source.is_open:
            return
        with mapped_errors(self._connection.address, timeout=self._connection.timeout):
            await self._cancel(source)
            excess = [self._buffer.pop() for _ in range(len(self._buffer) - self._slots.free)]
            await self._settler.give_back(excess)
            await self._consume(source, min(self._slots.free, self._most) - len(self._buffer))

    async def _consume(self, source: DeliveryChannel, credit: int) -> None:
        if credit <= 0:
            return
        total = sum(self._weights.values())
        for queue, weight in self._weights.items():
            consumer = Consumer(queue, max(credit * weight // total, 1))

            async def received(
                message: aiormq.abc.DeliveredMessage, consumer: Consumer = consumer
            ) -> None:
                self._received(source, consumer, message)

            self._current.append(consumer)
            await source.channel.basic_qos(prefetch_count=consumer.credit)
            consumed = await source.channel.basic_consume(
                queue,
                received,
                arguments=dict(self._topology.queues[queue].consumer_arguments),
            )
            consumer.tag = consumed.consumer_tag or ""

    async def _cancel(self, source: DeliveryChannel) -> None:
        current, self._current = self._current, []
        for consumer in current:
            await source.channel.basic_cancel(consumer.tag)

    # -- events -------------------------------------------------------------------------------

    def _received(
        self, source: DeliveryChannel, consumer: Consumer, message: aiormq.abc.DeliveredMessage
    ) -> None:
        delivery = read_delivery(
            message, queue=consumer.queue, holder=source, settler=self._settler
        )
        source.add(delivery)
        consumer.outstanding += 1
        self._consumers[delivery.tag] = consumer
        if message.redelivered and SERVER_COUNT not in (message.header.properties.headers or {}):
            # A classic queue, which counts nothing: it comes again with one more.
            counting = asyncio.create_task(self._settler.count_loss(delivery))
            self._counting.add(counting)
            counting.add_done_callback(self._counted)
            return
        self._buffer.append(delivery)
        self._changed()

    def _counted(self, counting: "asyncio.Task[None]") -> None:
        self._counting.discard(counting)
        if not counting.cancelled() and counting.exception() is not None:
            # It stays unacknowledged, and comes again when the channel ends.
            logger.warning("A redelivered message can't be counted: %s", counting.exception())

    def _acknowledged(self, delivery: RabbitDelivery) -> None:
        consumer = self._consumers.pop(delivery.tag, None)
        if consumer is not None:
            consumer.outstanding -= 1

    def _cancelled_by_server(self, frame: Any) -> None:
        """Note that the server ended a subscription: its queue was deleted or has moved."""
        for consumer in self._current:
            if consumer.tag == frame.consumer_tag:
                self._cancelled_queue = consumer.queue
                self._wakeup.set()

    def _raise_if_ended(self) -> None:
        if self._failure is not None:
            raise self._failure
        address = self._connection.address
        if self._cancelled_queue is not None:
            self._topology.forget(self._cancelled_queue)
            reason = f"it ended the subscription to queue {self._cancelled_queue!r}"
            raise RabbitCommandError(
                address=address, reason=f"{reason}, which was deleted or moved"
            )
        if self._source is None or not self._source.is_open:
            for queue in self._weights:
                self._topology.forget(queue)
            raise RabbitUnreachableError(address=address, reason="the worker's channel was closed")

    # -- life ---------------------------------------------------------------------------------

    async def _open(self) -> None:
        for queue in self._weights:
            await self._topology.ensure_queue(queue)
        channel = await self._connection.open_channel()
        source = DeliveryChannel(channel, self._connection, self._held, self._changed)
        source.on_acknowledged = self._acknowledged
        self._source = source
        channel.on_consumer_cancel_callbacks.add(self._cancelled_by_server)
        with mapped_errors(self._connection.address, timeout=self._connection.timeout):
            await self._consume(source, min(self._slots.free, self._most))

    async def _close(self, balancing: "asyncio.Task[None] | None") -> None:
        """End the subscription; deliveries that the worker has can be settled afterwards."""
        if balancing is not None:
            balancing.cancel()
            await asyncio.wait({balancing})
        source = self._source
        if source is None or not source.is_open:
            return
        with suppress(Exception):
            async with asyncio.timeout(self._connection.timeout):
                await self._cancel(source)
                await self._settler.give_back(list(self._buffer))
                self._buffer.clear()
                if not source.deliveries:
                    await close_channel(source.channel)
