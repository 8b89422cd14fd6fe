"""What operators see of a queue and do to it: counts, purges, dead letters."""

import logging
import re
from collections.abc import AsyncGenerator, Collection
from typing import Final

from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_redis.queue.codec import dead_letter
from taskiq_redis.queue.store import CHUNK, QueueStore

logger = logging.getLogger(__name__)

LETTERS: Final = 100
"""Dead letters of one call at most: each is a whole message."""
LETTER_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
LAST_LETTER: Final = 2**64 - 1
"""Highest value of either part of a letter's id."""


async def stats(store: QueueStore) -> QueueStats:
    """Count the messages."""
    waiting, delivered, delayed, dead = await store.run("stats")
    return QueueStats(waiting=waiting, delivered=delivered, delayed=delayed, dead=dead)


async def purge(store: QueueStore) -> int:
    """Drop waiting and delayed messages; return their number."""
    count, more = 0, 1
    while more:
        dropped, more = await store.run("purge", CHUNK)
        count += dropped
    return count


async def dead_letters(store: QueueStore, *, limit: int, offset: int) -> list[DeadLetter]:
    """Return dead letters, oldest first."""
    found = await store.connection.call(
        "XRANGE", f"{store.base}:dead", "-", "+", "COUNT", limit + offset
    )
    return [dead_letter(*each) for each in found[offset:]]


async def replay_dead_letters(store: QueueStore, letter_ids: Collection[str] | None) -> int:
    """Queue dead letters again; return the number of messages queued."""
    count = 0
    async for chunk in _letters(store, letter_ids):
        replayed, unreadable = await store.run("replay", *chunk)
        count += int(replayed)
        if unreadable:
            stay = ", ".join(each.decode() for each in unreadable)
            logger.warning("Dead letters that can't be read are not replayed: %s", stay)
    return count


async def purge_dead_letters(store: QueueStore, letter_ids: Collection[str] | None) -> int:
    """Forget dead letters; return the number of letters removed."""
    count = 0
    async for chunk in _letters(store, letter_ids):
        count += int(await store.connection.call("XDEL", f"{store.base}:dead", *chunk))
    return count


async def _letters(
    store: QueueStore, letter_ids: Collection[str] | None
) -> AsyncGenerator[list[str], None]:
    """Yield ids of letters in chunks, without those that are not ids of a stream."""
    if letter_ids is not None:
        ids = [each for each in letter_ids if _is_letter_id(each)]
        for first in range(0, len(ids), LETTERS):
            yield ids[first : first + LETTERS]
        return
    key = f"{store.base}:dead"
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


def _is_letter_id(text: str) -> bool:
    is_shaped = LETTER_ID.fullmatch(text) is not None
    return is_shaped and all(int(part) <= LAST_LETTER for part in text.split("-"))
