"""Dead letters: listed, replayed and purged."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

import aiormq.abc

from taskiq_aio_pika.queue.admin import purge_queue
from taskiq_aio_pika.queue.codec import MessageHeaders
from taskiq_aio_pika.queue.dead_letter_codec import read_letter
from taskiq_aio_pika.queue.enqueue import Enqueuer, NewMessage
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection
from taskiq_core.messages.queue_stats import DeadLetter

_ALL: Final = 0
"""The delivery tag that stands for all that a channel holds."""
_MOST_AT_ONCE: Final = 500
"""Letters that are replayed together."""


class _Letter(NamedTuple):
    letter: DeadLetter
    headers: MessageHeaders
    tag: int


class DeadLetters:
    """The dead letters of a broker's queues.

    RabbitMQ has no look-up, and keeps no order of what is put back: each call reads all letters,
    and puts back the letters that it does not replay or purge.

    Args:
        connection: of the event loop.
        topology: likewise.
        enqueuer: likewise.
    """

    def __init__(
        self, connection: RabbitConnection, topology: Topology, enqueuer: Enqueuer
    ) -> None:
        self._connection = connection
        self._topology = topology
        self._enqueuer = enqueuer

    async def page(self, queue: str, *, limit: int, offset: int) -> list[DeadLetter]:
        """Return letters, oldest first.

        Args:
            queue: a queue of tasks.
            limit: how many at most.
            offset: how many to leave out at the beginning.
        """
        async with self._reading(queue) as (_, letters):
            return [each.letter for each in letters[offset : offset + limit]]

    async def replay(self, queue: str, letter_ids: Collection[str] | None) -> int:
        """Queue letters again, and return how many."""
        async with self._reading(queue) as (channel, letters):
            chosen = _chosen(letters, letter_ids)
            for start in range(0, len(chosen), _MOST_AT_ONCE):
                part = chosen[start : start + _MOST_AT_ONCE]
                await self._enqueuer.send(
                    [
                        NewMessage(queue, each.letter.message, each.headers.replayed())
                        for each in part
                    ]
                )
                await _acknowledge(channel, part)
            return len(chosen)

    async def purge(self, queue: str, letter_ids: Collection[str] | None) -> int:
        """Forget letters, and return how many."""
        if letter_ids is None:
            return await purge_queue(self._connection, self._topology.dead_letters_of(queue))
        async with self._reading(queue) as (channel, letters):
            chosen = _chosen(letters, letter_ids)
            await _acknowledge(channel, chosen)
            return len(chosen)

    @asynccontextmanager
    async def _reading(
        self, queue: str
    ) -> AsyncGenerator[tuple[aiormq.abc.AbstractChannel, list[_Letter]], None]:
        """Read all letters, oldest first, and put back what is not acknowledged."""
        name = self._topology.dead_letters_of(queue)
        async with self._connection.channel(is_long=True) as channel:
            read = await self._read(channel, name)
            try:
                yield channel, read
            finally:
                if read and not channel.is_closed:
                    await channel.basic_nack(_ALL, multiple=True, requeue=True, wait=False)
                    await channel.flow(active=True)

    async def _read(self, channel: aiormq.abc.AbstractChannel, name: str) -> list[_Letter]:
        found: list[_Letter] = []
        if await self._connection.count(name) is None:
            return found  # nothing was ever buried
        # The number of messages lags behind what was put back a moment ago, and what was put back
        # is not in the place that it had.
        while (message := await channel.basic_get(name)).delivery_tag is not None:
            found.append(_letter_of(message))
        return sorted(found, key=_age)


def _letter_of(message: aiormq.abc.DeliveredMessage) -> _Letter:
    properties = message.header.properties
    letter, headers = read_letter(
        message.body, properties.headers, message_id=properties.message_id
    )
    return _Letter(letter, headers, message.delivery_tag or 0)


def _age(letter: _Letter) -> tuple[datetime, int]:
    return (letter.letter.buried_at, letter.tag)


def _chosen(letters: Sequence[_Letter], ids: Collection[str] | None) -> list[_Letter]:
    return [each for each in letters if ids is None or each.letter.letter_id in ids]


async def _acknowledge(channel: aiormq.abc.AbstractChannel, letters: Sequence[_Letter]) -> None:
    for each in letters:
        await channel.basic_ack(each.tag, wait=False)
    await channel.flow(active=True)  # its answer says that the server has seen them
