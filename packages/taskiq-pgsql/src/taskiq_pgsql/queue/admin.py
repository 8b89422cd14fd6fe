"""What operators see of a queue and do to it: names, counts, pauses, purges."""

from collections.abc import Sequence
from typing import Final

from taskiq_core.messages.queue_stats import QueueStats
from taskiq_pgsql.queue.enqueue import ADD_QUEUES, FRONT
from taskiq_pgsql.storage.database import PostgresDatabase
from taskiq_pgsql.storage.notify import Topic

STEP: Final = 1_000
"""Messages that one statement purges."""
MAX_COUNTED: Final = 50_000
"""Messages of a state that are counted; of more, the number is estimated."""
MAX_LEVELS: Final = 64
"""Priorities among which the oldest waiting message is looked for, the highest ones."""

NAMES: Final = "SELECT name FROM {s}.queues ORDER BY name"
_SOME: Final = "(SELECT count(*) FROM (SELECT 1 FROM {s}.{table} WHERE {where} LIMIT $2) AS found)"
_COUNTS: Final = {
    "waiting": ("messages", "state = 0 AND queue = $1"),
    "delivered": ("messages", "state = 2 AND queue = $1"),
    "delayed": ("messages", "state = 1 AND queue = $1 AND due > statement_timestamp()"),
    "due": ("messages", "state = 1 AND queue = $1 AND due <= statement_timestamp()"),
    "dead": ("dead_letters", "queue = $1"),
}
COUNT: Final = "SELECT {columns}, {paused} AS is_paused".replace(
    "{columns}",
    ", ".join(
        f"{_SOME.replace('{table}', table).replace('{where}', where)} AS {name}"
        for name, (table, where) in _COUNTS.items()
    ),
).replace("{paused}", "coalesce((SELECT is_paused FROM {s}.queues WHERE name = $1), false)")
# The first message of each priority is its oldest; the next priority is found by the index.
OLDEST: Final = """
WITH RECURSIVE firsts AS (
    (SELECT rank, sent_at, due, 1 AS level FROM {s}.messages
     WHERE state = 0 AND queue = $1 ORDER BY queue, rank, id LIMIT 1)
    UNION ALL
    SELECT next.* FROM firsts CROSS JOIN LATERAL (
        SELECT rank, sent_at, due, firsts.level + 1 FROM {s}.messages
        WHERE state = 0 AND queue = $1 AND rank > firsts.rank
        ORDER BY queue, rank, id LIMIT 1) AS next
    WHERE firsts.level < $2
)
SELECT extract(epoch FROM statement_timestamp() - least(
    (SELECT min(greatest(sent_at, due)) FROM firsts),
    (SELECT min(due) FROM {s}.messages
     WHERE state = 1 AND queue = $1 AND due <= statement_timestamp())))::float8
"""
# What the last ANALYZE or VACUUM found in the index of a state, of all queues.
ESTIMATE: Final = "SELECT reltuples::float8 FROM pg_class WHERE oid = to_regclass($1)"
PAUSE: Final = "UPDATE {s}.queues SET is_paused = $2 WHERE name = $1"
IS_PAUSED: Final = "SELECT is_paused FROM {s}.queues WHERE name = $1"
NEWEST: Final = "SELECT coalesce(max(id), 0) FROM {s}.messages"
_PURGE: Final = """
DELETE FROM {s}.messages WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.messages WHERE state = {state} AND queue = $1 AND id <= $2
    ORDER BY {order} LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""
PURGES: Final = (
    _PURGE.replace("{state}", "0").replace("{order}", "queue, rank, id"),
    _PURGE.replace("{state}", "1").replace("{order}", "queue, due, id"),
)
MOVE_TO_NOW: Final = """
UPDATE {s}.messages SET state = 0, due = statement_timestamp()
WHERE task_id = $1 AND queue = $2 AND state = 1 RETURNING 1
"""


async def queue_names(database: PostgresDatabase, default: str) -> Sequence[str]:
    """Return the default queue, and the others that have held a message, by name."""
    names = [row["name"] for row in await database.fetch(NAMES)]
    return (default, *(name for name in names if name != default))


async def stats(database: PostgresDatabase, queue: str) -> QueueStats:
    """Count the messages of a queue; of very many, the number is estimated."""
    [row] = await database.fetch(COUNT, queue, MAX_COUNTED + 1)
    counts = {name: int(row[name]) for name in _COUNTS}
    for name, index in (("waiting", "messages_waiting"), ("delayed", "messages_delayed")):
        if counts[name] > MAX_COUNTED:
            counts[name] = await _estimate(database, index)
    age = await database.value(OLDEST, queue, MAX_LEVELS)
    return QueueStats(
        waiting=counts["waiting"] + counts["due"],
        delivered=counts["delivered"],
        delayed=counts["delayed"],
        dead=counts["dead"],
        oldest_age=None if age is None else max(age, 0.0),
        is_paused=row["is_paused"],
    )


async def _estimate(database: PostgresDatabase, index: str) -> int:
    name = database.server.sql(f"{{s}}.{index}")
    found = await database.value(ESTIMATE, name)
    return max(int(found or 0), MAX_COUNTED)


async def set_paused(database: PostgresDatabase, queue: str, *, is_paused: bool) -> None:
    """Pause a queue, or have it go on.

    Args:
        database: has the queue.
        queue: its name.
        is_paused: whether it is to be paused.
    """
    await database.fetch(ADD_QUEUES, [queue])
    await database.fetch(PAUSE, queue, is_paused)
    if not is_paused:
        database.notify(Topic.MESSAGES, FRONT + queue)


async def is_paused(database: PostgresDatabase, queue: str) -> bool:
    """Return whether a queue is paused."""
    return bool(await database.value(IS_PAUSED, queue))


async def move_to_now(database: PostgresDatabase, task_id: str, queue: str) -> bool:
    """Queue the delayed messages of a task.

    Args:
        database: has the queue.
        task_id: of the task.
        queue: of the messages.

    Returns:
        Whether there was a delayed message of the task.
    """
    rows = [] if "\0" in task_id else await database.fetch(MOVE_TO_NOW, task_id, queue)
    if rows:
        database.notify(Topic.MESSAGES, FRONT + queue)
    return bool(rows)


async def purge(database: PostgresDatabase, queue: str) -> int:
    """Drop waiting and delayed messages, but no message that is sent meanwhile.

    Returns:
        The number of messages dropped.
    """
    newest = await database.value(NEWEST)
    count = 0
    for statement in PURGES:
        rows: Sequence[object] = range(STEP)
        while len(rows) == STEP:
            rows = await database.fetch(statement, queue, newest, STEP)
            count += len(rows)
    return count
