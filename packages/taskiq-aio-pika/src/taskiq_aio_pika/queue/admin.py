"""Queues as operators see them: counted, purged, expired messages found."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from taskiq_aio_pika.errors import QueueMissingError
from taskiq_aio_pika.queue.delays import LEVELS, level_name, stages_name
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection
from taskiq_core.messages.queue_stats import QueueStats


async def _levels(
    connection: RabbitConnection, queue: str
) -> AsyncGenerator[tuple[str, int], None]:
    """Yield the levels of a queue's delays that exist, with the number of their messages."""
    if not await connection.has_exchange(stages_name(queue)):
        return
    for level in range(LEVELS):
        name = level_name(queue, level)
        found = await connection.count(name)
        if found is not None:
            yield name, found


async def stats(connection: RabbitConnection, topology: Topology, queue: str) -> QueueStats:
    """Count messages; RabbitMQ does not tell how many a queue's consumers hold.

    Args:
        connection: of the event loop.
        topology: likewise.
        queue: a queue of tasks.
    """
    waiting = await connection.count(queue) or 0
    expired = await connection.count(topology.expired_of(queue)) or 0
    dead = await connection.count(topology.dead_letters_of(queue)) or 0
    delayed = 0
    async with aclosing(_levels(connection, queue)) as levels:
        async for _, found in levels:
            delayed += found
    return QueueStats(waiting=waiting + expired, delivered=None, delayed=delayed, dead=dead)


async def purge(connection: RabbitConnection, topology: Topology, queue: str) -> int:
    """Drop waiting and delayed messages.

    Args:
        connection: of the event loop.
        topology: likewise.
        queue: a queue of tasks.

    Returns:
        The number of messages dropped.
    """
    names = [queue, topology.expired_of(queue)]
    async with aclosing(_levels(connection, queue)) as levels:
        async for name, found in levels:
            if found:
                names.append(name)
    return sum([await purge_queue(connection, name) for name in names])


async def purge_queue(connection: RabbitConnection, queue: str) -> int:
    """Drop all messages of a queue.

    Returns:
        The number of messages dropped; 0 if there is no such queue.
    """
    try:
        async with connection.channel() as channel:
            purged = await channel.queue_purge(queue)
    except QueueMissingError:
        return 0
    return purged.message_count or 0
