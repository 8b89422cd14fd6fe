"""RabbitDelivery: one message that a worker holds on a channel."""

import asyncio
from typing import Protocol

from taskiq_aio_pika.queue.codec import MessageHeaders
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery


class DeliveryHolder(Protocol):
    """The channel that a delivery came by."""

    def holds(self, tag: int) -> bool:
        """Return whether a delivery can be settled: the channel is open."""
        ...

    def acknowledge(self, tag: int, /) -> "asyncio.Future[None]":
        """Have the server forget a message; goes on if the caller is cancelled."""
        ...


class DeliverySettler(Protocol):
    """What is done with a delivery beside acknowledging it."""

    async def release(self, delivery: "RabbitDelivery", delay: float) -> None:
        """Publish it again, then acknowledge it."""

    async def bury(self, delivery: "RabbitDelivery", reason: str, error: str | None) -> None:
        """Publish it to the dead letters, then acknowledge it.

        Args:
            delivery: it.
            reason: why it is buried.
            error: the text of the last exception, if there was one.
        """


class RabbitDelivery(Delivery):
    """A delivery that belongs to a channel, and is lost with it.

    Args:
        data: the message's bytes.
        headers: what stands beside them.
        queue: the queue of tasks that it came from.
        tag: the channel's number of it.
        holder: the channel.
        settler: releases and buries.
        expired: whether it is too late to run it.
        unreadable: what of the headers can't be read.
    """

    __slots__ = ("headers", "holder", "queue", "settler", "settling", "tag")

    def __init__(
        self,
        data: bytes,
        *,
        headers: MessageHeaders,
        queue: str,
        tag: int,
        holder: DeliveryHolder,
        settler: DeliverySettler,
        expired: bool = False,
        unreadable: str | None = None,
    ) -> None:
        super().__init__(
            data,
            attempt=headers.attempt,
            unsettled=headers.lost,
            failures=headers.failures,
            fence=headers.fence + headers.attempt,
            expired=expired,
            task_id=headers.task_id,
            unreadable=unreadable,
        )
        self.headers = headers
        self.queue = queue
        self.tag = tag
        self.holder = holder
        self.settler = settler
        self.settling: asyncio.Future[None] | None = None

    async def ack(self) -> None:
        """Have the server forget the message."""
        await self._require_unsettled()
        await self._settled_by(self.holder.acknowledge(self.tag))

    async def release(self, delay: float = 0) -> None:
        """Publish it again; it goes to the end of its queue."""
        await self._require_unsettled()
        await self._settled_by(asyncio.ensure_future(self.settler.release(self, delay)))

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Move it to the queue of dead letters."""
        await self._require_unsettled()
        await self._settled_by(asyncio.ensure_future(self.settler.bury(self, reason, error)))

    async def _require_unsettled(self) -> None:
        """Raise LeaseLostError if it was settled, or is lost."""
        settling = self.settling
        if settling is not None:
            if not settling.done():
                await asyncio.wait({settling})
            if not settling.cancelled() and settling.exception() is None:
                raise LeaseLostError(reason="it was settled before")
        if not self.holder.holds(self.tag):
            raise LeaseLostError(reason="the channel that it came by is closed")

    async def _settled_by(self, settling: "asyncio.Future[None]") -> None:
        self.settling = settling
        await asyncio.shield(settling)
