"""Enqueuer: sends messages to queues, at once or by the stages of delays."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_aio_pika.errors import QueueMissingError
from taskiq_aio_pika.queue.codec import MessageHeaders
from taskiq_aio_pika.queue.delays import DelayStages
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.error_mapping import to_the_end
from taskiq_aio_pika.storage.publisher import Publication, Publisher

LONGEST_TTL: Final = 2**32 - 1
"""Milliseconds. A message that expires later is refused by the worker that gets it."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be queued.

    Attributes:
        queue: one of the broker's.
        body: its bytes.
        headers: what stands beside them.
        delay: seconds before it may be delivered.
    """

    queue: str
    body: bytes
    headers: MessageHeaders
    delay: float = 0.0


class Enqueuer:
    """Publishes messages, and declares what they need first.

    Args:
        publisher: of the event loop.
        topology: likewise.
        stages: likewise.
    """

    def __init__(self, publisher: Publisher, topology: Topology, stages: DelayStages) -> None:
        self._publisher = publisher
        self._topology = topology
        self._stages = stages

    async def send(self, messages: Sequence[NewMessage]) -> None:
        """Return when all messages are stored; goes on if the caller is cancelled.

        Raises:
            RabbitUnreachableError: the server can't be reached, or takes no messages.
            RabbitCommandError: it refused one. Others of them may be stored.
        """
        await to_the_end(self._send(messages))

    async def _send(self, messages: Sequence[NewMessage]) -> None:
        outcomes = await self._publish(messages)
        missing = [
            message
            for message, outcome in zip(messages, outcomes, strict=True)
            if isinstance(outcome, QueueMissingError)
        ]
        if missing:  # a queue was deleted since it was declared
            for message in missing:
                self._topology.forget(message.queue)
                self._stages.forget(message.queue)
            outcomes = [
                *(each for each in outcomes if not isinstance(each, QueueMissingError)),
                *await self._publish(missing),
            ]
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _publish(self, messages: Sequence[NewMessage]) -> Sequence[BaseException | None]:
        publications = [await self._publication(message) for message in messages]
        futures = [self._publisher.publish(publication) for publication in publications]
        return await asyncio.gather(*futures, return_exceptions=True)

    async def _publication(self, message: NewMessage) -> Publication:
        await self._topology.ensure_queue(message.queue)
        headers = message.headers.as_table()
        if message.delay > 0:
            exchange, key = await self._stages.route(message.queue, message.delay)
            return Publication(key, message.body, headers, exchange)
        expiration = None
        if message.headers.expires_at is not None:
            expiration = await self._expiration(message.queue, message.headers.expires_at)
        exchange_of_tasks = self._topology.exchange
        if exchange_of_tasks is None:
            return Publication(message.queue, message.body, headers, expiration=expiration)
        queue = self._topology.queues[message.queue]
        key = queue.routing_key or queue.name
        return Publication(key, message.body, headers, exchange_of_tasks.name, expiration)

    async def _expiration(self, queue: str, expires_at: int) -> int | None:
        if not self._topology.expires_in_server(queue):
            return None
        await self._topology.ensure_expired(queue)
        return min(max(expires_at - round(time.time() * 1000), 0), LONGEST_TTL)
