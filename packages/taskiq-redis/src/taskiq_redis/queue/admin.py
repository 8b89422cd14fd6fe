"""What operators see of a queue and do to it: counts, pauses, purges, dead letters."""

import re
from collections.abc import AsyncGenerator, Collection
from typing import Final

from taskiq_core.loggers import get_logger
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_redis.queue.codec import dead_letter
from taskiq_redis.queue.store import CHUNK, QueueStore

logger = get_logger(__name__)

LETTERS: Final = 100
"""Dead letters of one call at most: each is a whole message."""
LETTER_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
LAST_LETTER: Final = 2**64 - 1
"""Highest value of either part of a letter's id."""


async def stats(store: QueueStore, queue: str | None) -> QueueStats:
    """Count the messages, and find the age of the oldest one to about a second."""
    keys = store.keys_of_one(queue)
    waiting, delivered, delayed, dead, paused, age = await store.run("stats", keys=keys)
    return QueueStats(
        waiting=waiting,
        delivered=delivered,
        delayed=delayed,
        dead=dead,
        oldest_age=None if age == b"" else age / 1000,
        is_paused=bool(paused),
    )


async def set_paused(store: QueueStore, queue: str | None, *, is_paused: bool) -> None:
    """Pause a queue, or have it go on.

    Args:
        store: has the queue.
        queue: its name; None for the default queue.
        is_paused: whether the queue delivers nothing from now on.
    """
    keys = store.keys_of_one(queue)
    await store.run("pause", int(is_paused), keys=keys)


async def is_paused(store: QueueStore, queue: str | None) -> bool:
    """Return whether a queue is paused."""
    return bool(await store.connection.call("EXISTS", f"{store.base_of(queue)}:paused"))


async def move_to_now(store: QueueStore, task_id: str, queue: str | None) -> bool:
    """Queue the delayed messages of a task before the waiting ones.

    Args:
        store: has the queue.
        task_id: the task.
        queue: the name of its queue; None for the default queue.

    Returns:
        Whether a delayed message was found.
    """
    keys = store.keys_of_one(queue)
    return bool(await store.run("move_to_now", task_id, keys=keys))


async def purge(store: QueueStore, queue: str | None) -> int:
    """Drop waiting and delayed messages.

    Returns:
        The number of messages dropped.
    """
    keys = store.keys_of_one(queue)
    count, more = 0, 1
    while more:
        dropped, more = await store.run("purge", CHUNK, keys=keys)
        count += dropped
    return count


async def dead_letters(
    store: QueueStore, queue: str | None, *, limit: int, offset: int
) -> list[DeadLetter]:
    """Return dead letters, oldest first.

    Args:
        store: has the queue.
        queue: its name; None for the default queue.
        limit: how many letters to return at most.
        offset: how many of the oldest letters to skip.
    """
    found = await store.connection.call(
        "XRANGE", _dead_key(store, queue), "-", "+", "COUNT", limit + offset
    )
    return [dead_letter(*each) for each in found[offset:]]


async def replay_dead_letters(
    store: QueueStore, queue: str | None, letter_ids: Collection[str] | None
) -> int:
    """Queue dead letters again, and log the ones that can't be read: they stay.

    Args:
        store: has the queue.
        queue: its name; None for the default queue.
        letter_ids: the letters; None for all.

    Returns:
        The number of messages queued.
    """
    keys = store.keys_of_one(queue)
    count = 0
    async for chunk in _letters(store, queue, letter_ids):
        replayed, unreadable = await store.run("replay", *chunk, keys=keys)
        count += int(replayed)
        if unreadable:
            stay = ", ".join(each.decode() for each in unreadable)
            logger.warning("Dead letters that can't be read are not replayed: %s", stay)
    return count


async def purge_dead_letters(
    store: QueueStore, queue: str | None, letter_ids: Collection[str] | None
) -> int:
    """Delete dead letters.

    Args:
        store: has the queue.
        queue: its name; None for the default queue.
        letter_ids: the letters; None for all.

    Returns:
        The number of letters removed.
    """
    count = 0
    async for chunk in _letters(store, queue, letter_ids):
        count += int(await store.connection.call("XDEL", _dead_key(store, queue), *chunk))
    return count


async def _letters(
    store: QueueStore, queue: str | None, letter_ids: Collection[str] | None
) -> AsyncGenerator[list[str], None]:
    """Yield ids of letters in chunks; ids that a stream can't have are left out."""
    if letter_ids is not None:
        ids = [each for each in letter_ids if _is_letter_id(each)]
        for first in range(0, len(ids), LETTERS):
            yield ids[first : first + LETTERS]
        return
    key = _dead_key(store, queue)
    # Messages that are buried meanwhile are left out.
    last = await store.connection.call("XREVRANGE", key, "+", "-", "COUNT", 1)
    after = "-"
    while last:
        page = ("XRANGE", key, after, last[0][0], "COUNT", LETTERS)
        found = [each[0].decode() for each in await store.connection.call(*page)]
        if not found:
            return
        yield found
        after = f"({found[-1]}"


def _dead_key(store: QueueStore, queue: str | None) -> str:
    return f"{store.base_of(queue)}:dead"


def _is_letter_id(text: str) -> bool:
    is_shaped = LETTER_ID.fullmatch(text) is not None
    return is_shaped and all(int(part) <= LAST_LETTER for part in text.split("-"))
