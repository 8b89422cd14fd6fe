"""Publisher: messages that the server confirms, those of one turn of the event loop together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiormq
from pamqp import commands

from taskiq_aio_pika.errors import RabbitBlockedError, RabbitTimeoutError, RabbitUnreachableError
from taskiq_aio_pika.storage.connection import RabbitConnection, close_channel
from taskiq_aio_pika.storage.error_mapping import as_broker_error
from taskiq_core.brokers.coalescer import Coalescer

WINDOW: Final = 1_000
"""Messages that wait for their confirmation at most."""
LOOK_EVERY: Final = 0.5
"""Seconds after which to look whether the server has raised an alarm."""
PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published, and where.

    Attributes:
        routing_key: the queue's name, where `exchange` is the default one.
        body: the message's bytes.
        headers: what stands beside them.
        exchange: its name; empty for the default one.
        expiration: milliseconds after which the server takes it out of the queue; None for never.
    """

    routing_key: str
    body: bytes
    headers: dict[str, Any]
    exchange: str = ""
    expiration: int | None = None


class Publisher:
    """Publishes on one channel of a connection; `publish(publication)` gives a future.

    The future is done when the server has stored the message in a queue.
    """

    def __init__(self, connection: RabbitConnection) -> None:
        self._connection = connection
        self._channel: aiormq.Channel | None = None
        self.publish = Coalescer(self._publish_all, most=WINDOW)

    async def _publish_all(
        self, publications: Sequence[Publication]
    ) -> Sequence[BaseException | None]:
        if await self._connection.is_blocked():
            raise RabbitBlockedError(address=self._connection.address)
        channel = await self._open()
        confirmations = [
            asyncio.ensure_future(_publish(channel, publication)) for publication in publications
        ]
        late = await self._late(confirmations)
        if late is not None:
            self._channel = None
            asyncio.ensure_future(close_channel(channel)).add_done_callback(_retrieve)
        return [self._outcome(each, late) for each in confirmations]

    async def _open(self) -> aiormq.Channel:
        if self._channel is None or self._channel.is_closed:
            self._channel = await self._connection.open_channel(confirms=True)
        return self._channel

    async def _late(
        self, confirmations: Sequence["asyncio.Future[None]"]
    ) -> RabbitUnreachableError | None:
        """Wait for confirmations, and return why some did not come in time; None if all came."""
        waited = 0.0
        pending = set(confirmations)
        while True:
            _, pending = await asyncio.wait(pending, timeout=LOOK_EVERY)
            if not pending:
                return None
            waited += LOOK_EVERY
            if await self._connection.is_blocked():
                return RabbitBlockedError(address=self._connection.address)
            if waited >= self._connection.timeout:
                timeout = self._connection.timeout
                return RabbitTimeoutError(address=self._connection.address, timeout=timeout)

    def _outcome(
        self, confirmation: "asyncio.Future[None]", late: RabbitUnreachableError | None
    ) -> BaseException | None:
        address = self._connection.address
        if not confirmation.done():
            confirmation.add_done_callback(_retrieve)
            return late
        if confirmation.cancelled():
            return RabbitUnreachableError(address=address, reason="the connection ended")
        error = confirmation.exception()
        return None if error is None else as_broker_error(error, address)

    async def close(self) -> None:
        """Wait until nothing is under way."""
        await self.publish.wait_idle()


async def _publish(channel: aiormq.Channel, publication: Publication) -> None:
    expiration = publication.expiration
    # No message id of ours: aiormq finds a returned message by it, so it must be unique.
    await channel.basic_publish(
        publication.body,
        exchange=publication.exchange,
        routing_key=publication.routing_key,
        properties=commands.Basic.Properties(
            content_type="application/octet-stream",
            delivery_mode=PERSISTENT,
            headers=publication.headers,
            expiration=None if expiration is None else str(expiration),
        ),
        mandatory=True,
        wait=False,
    )


def _retrieve(done: "asyncio.Future[None]") -> None:
    if not done.cancelled():
        done.exception()
