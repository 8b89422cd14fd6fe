"""Dead letters: listed, queued again or forgotten."""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Final

from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_pgsql.queue.enqueue import NEW
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import PostgresDatabase
from taskiq_pgsql.storage.notify import Topic

STEP: Final = 1_000
"""Letters that one statement replays or forgets."""
LONGEST_ID: Final = 18
"""Digits of an id at most."""

LETTERS: Final = """
SELECT id, task_id, task_name, body, attempt, reason, error, buried_at FROM {s}.dead_letters
WHERE queue = $1 ORDER BY queue, id OFFSET $2 LIMIT $3
"""
NEXT_IDS: Final = """
SELECT id FROM {s}.dead_letters WHERE queue = $1 AND id > $2 AND id <= $3
ORDER BY queue, id LIMIT $4
"""
NEWEST: Final = "SELECT coalesce(max(id), 0) FROM {s}.dead_letters"
# A letter whose unique key is taken stays; its result, which says that it failed, is forgotten.
REPLAY: Final = """
WITH letter AS MATERIALIZED (
    SELECT * FROM {s}.dead_letters WHERE id = ANY($1::bigint[]) AND queue = $2
    ORDER BY id FOR UPDATE SKIP LOCKED
), queued AS (
    INSERT INTO {s}.messages (queue, state, rank, expires, expires_after, unique_key, sent_at,
        task_id, task_name, body)
    SELECT queue, 0, rank, statement_timestamp() + make_interval(secs => expires_after),
        expires_after, CASE WHEN number = 1 THEN unique_key END, statement_timestamp(), task_id,
        task_name, body
    FROM (SELECT *, row_number() OVER (PARTITION BY unique_key ORDER BY id) AS number FROM letter)
        AS numbered
    WHERE unique_key IS NULL OR number = 1
    ORDER BY id
    ON CONFLICT (queue, (md5(unique_key)::uuid)) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING task_id, unique_key
), gone AS (
    DELETE FROM {s}.dead_letters WHERE id IN (
        SELECT letter.id FROM letter JOIN queued
        ON letter.task_id = queued.task_id
            AND letter.unique_key IS NOT DISTINCT FROM queued.unique_key)
    RETURNING task_id
), results AS (
    DELETE FROM {s}.results
    WHERE md5(task_id)::uuid = ANY(ARRAY(SELECT md5(task_id)::uuid FROM gone))
), progress AS (
    DELETE FROM {s}.progress
    WHERE md5(task_id)::uuid = ANY(ARRAY(SELECT md5(task_id)::uuid FROM gone))
)
SELECT 1 FROM gone
"""
PURGE: Final = """
DELETE FROM {s}.dead_letters WHERE id = ANY($1::bigint[]) AND queue = $2 RETURNING 1
"""


async def dead_letters(
    database: PostgresDatabase, queue: str, *, limit: int, offset: int
) -> list[DeadLetter]:
    """Return a part of the letters of a queue, oldest first.

    Args:
        database: has the letters.
        queue: of the letters.
        limit: letters at most.
        offset: letters that are skipped.
    """
    rows = await database.fetch(LETTERS, queue, max(offset, 0), max(limit, 0))
    return [_letter(row) for row in rows]


async def replay(database: PostgresDatabase, queue: str, letter_ids: Collection[str] | None) -> int:
    """Queue letters again; a letter stays if another message has its unique key.

    Args:
        database: has the letters.
        queue: of the letters.
        letter_ids: which letters; None for all.

    Returns:
        The number of messages queued.
    """
    count = 0
    async for ids in _batches(database, queue, letter_ids):
        count += len(await database.fetch(REPLAY, ids, queue))
        database.notify(Topic.MESSAGES, NEW + queue)
    return count


async def purge(database: PostgresDatabase, queue: str, letter_ids: Collection[str] | None) -> int:
    """Forget letters.

    Args:
        database: has the letters.
        queue: of the letters.
        letter_ids: which letters; None for all.

    Returns:
        The number of letters removed.
    """
    count = 0
    async for ids in _batches(database, queue, letter_ids):
        count += len(await database.fetch(PURGE, ids, queue))
    return count


async def _batches(
    database: PostgresDatabase, queue: str, letter_ids: Collection[str] | None
) -> AsyncGenerator[Sequence[int], None]:
    """Yield ids of letters in batches, without texts that can't be ids."""
    if letter_ids is not None:
        ids = sorted({int(text) for text in letter_ids if _is_id(text)})
        for first in range(0, len(ids), STEP):
            yield ids[first : first + STEP]
        return
    newest = await database.value(NEWEST)  # what is buried meanwhile is left out
    last = 0
    while rows := await database.fetch(NEXT_IDS, queue, last, newest, STEP):
        yield [row["id"] for row in rows]
        last = rows[-1]["id"]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(
        letter_id=str(row["id"]),
        task_id=row["task_id"],
        task_name=row["task_name"],
        message=row["body"],
        attempt=row["attempt"],
        reason=row["reason"],
        error=row["error"],
        buried_at=row["buried_at"],
    )
