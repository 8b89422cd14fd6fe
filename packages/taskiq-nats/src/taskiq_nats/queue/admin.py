"""The queue as operators see it: counts, purges, pauses and dead letters."""

import asyncio
import json
from collections.abc import AsyncGenerator, Collection
from datetime import UTC, datetime
from typing import Any, Final

from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_nats.queue.codec import Record
from taskiq_nats.queue.pull import PullSubscription
from taskiq_nats.queue.settle import ACK, MESSAGE_ID
from taskiq_nats.storage import values
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import WORKERS, QueueNames
from taskiq_nats.storage.values import Stored

PURGED: Final = 500
"""Messages of one step of a purge."""


async def stats(connection: NatsConnection, names: QueueNames) -> QueueStats:
    """Count messages; a message whose lease ran out counts as delivered until it is fetched."""
    consumer, later, dead, pause = await asyncio.gather(
        connection.api(f"CONSUMER.INFO.{names.now}.{WORKERS}"),
        connection.api(f"STREAM.INFO.{names.later}"),
        connection.api(f"STREAM.INFO.{names.dead}"),
        is_paused(connection, names),
    )
    return QueueStats(
        waiting=consumer["num_pending"],
        delivered=consumer["num_ack_pending"],
        delayed=later["state"]["messages"],
        dead=dead["state"]["messages"],
        is_paused=pause,
    )


async def purge(connection: NatsConnection, names: QueueNames) -> int:
    """Drop what waits or is delayed: what can be fetched is fetched, and acknowledged."""
    count = await values.purge(connection, names.later)
    pull = PullSubscription(connection, names.now)
    try:
        while True:
            info = await connection.api(f"CONSUMER.INFO.{names.now}.{WORKERS}")
            waiting = min(info["num_pending"], PURGED)
            if not waiting or not await pull.take(waiting):
                return count
            arrived = [message for message, _ in pull.arrived]
            pull.arrived.clear()
            count += await _drop(connection, names, [(each.reply, each.data) for each in arrived])
    finally:
        await asyncio.shield(pull.close())


async def _drop(
    connection: NatsConnection, names: QueueNames, messages: list[tuple[str, bytes]]
) -> int:
    replies = await connection.call_many((reply, ACK, None) for reply, _ in messages)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    for _, payload in messages:
        key = Record.from_bytes(payload).key
        if key is not None:
            await values.delete(connection, names.state, key.number)
    return len(messages)


async def set_paused(connection: NatsConnection, names: QueueNames, *, paused: bool) -> None:
    """Pause or resume the queue.

    Args:
        connection: to the server.
        names: of the queue.
        paused: whether it is to hand out nothing.
    """
    await values.put(connection, names.pause_subject, paused)


async def is_paused(connection: NatsConnection, names: QueueNames) -> bool:
    """Return whether the queue is paused."""
    stored = await values.get_last(connection, names.state, names.pause_subject)
    return stored is not None and bool(json.loads(stored.payload))


async def dead_letters(
    connection: NatsConnection, names: QueueNames, *, limit: int, offset: int
) -> list[DeadLetter]:
    """Return dead letters, oldest first; the letters before `offset` are read, too.

    Args:
        connection: to the server.
        names: of the queue.
        limit: letters at most.
        offset: letters to leave out at the beginning.
    """
    letters: list[DeadLetter] = []
    async for stored in _stored_letters(connection, names):
        if offset > 0:
            offset -= 1
        elif len(letters) < limit:
            letters.append(_letter(stored))
        if len(letters) >= limit:
            break
    return letters


async def replay(
    connection: NatsConnection, names: QueueNames, letter_ids: Collection[str] | None
) -> int:
    """Store dead letters in the queue again, as first attempts without their unique keys.

    Args:
        connection: to the server.
        names: of the queue.
        letter_ids: which; None for all.

    Returns:
        The number of letters.
    """
    count = 0
    async for stored in _chosen(connection, names, letter_ids):
        record = Record.from_letter(stored.payload)[0]
        again = Record(record.body, record.task_id, record.task_name, unreadable=record.unreadable)
        subject = names.now_subject(record.task_id or "unreadable")
        headers = {MESSAGE_ID: f"dead.{stored.number}"}
        await connection.publish(subject, again.to_bytes(), headers)
        count += await values.delete(connection, names.dead, stored.number)
    return count


async def purge_letters(
    connection: NatsConnection, names: QueueNames, letter_ids: Collection[str] | None
) -> int:
    """Forget dead letters.

    Args:
        connection: to the server.
        names: of the queue.
        letter_ids: which; None for all.

    Returns:
        The number of letters.
    """
    if letter_ids is None:
        return await values.purge(connection, names.dead)
    count = 0
    async for stored in _chosen(connection, names, letter_ids):
        count += await values.delete(connection, names.dead, stored.number)
    return count


async def _stored_letters(
    connection: NatsConnection, names: QueueNames
) -> AsyncGenerator[Stored, None]:
    """Yield the dead letters that are there now."""
    info = await connection.api(f"STREAM.INFO.{names.dead}")
    number, last = info["state"]["first_seq"], info["state"]["last_seq"]
    while number <= last:
        stored = await values.get_next(
            connection, names.dead, max(number, 1), names.dead_subject("*")
        )
        if stored is None or stored.number > last:
            return
        yield stored
        number = stored.number + 1


async def _chosen(
    connection: NatsConnection, names: QueueNames, letter_ids: Collection[str] | None
) -> AsyncGenerator[Stored, None]:
    if letter_ids is None:
        async for stored in _stored_letters(connection, names):
            yield stored
        return
    for letter_id in letter_ids:
        number = int(letter_id) if letter_id.isdecimal() else 0
        found = None
        if number:
            found = await values.get_next(connection, names.dead, number, names.dead_subject("*"))
        if found is not None and found.number == number:
            yield found


def _letter(stored: Stored) -> DeadLetter:
    record, facts = Record.from_letter(stored.payload)
    return DeadLetter(
        letter_id=str(stored.number),
        task_id=record.task_id or "",
        task_name=record.task_name,
        message=record.body,
        attempt=record.attempts,
        reason=str(facts.get("reason", "")),
        error=facts.get("error"),
        buried_at=_moment(facts.get("at")),
    )


def _moment(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
