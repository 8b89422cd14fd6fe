"""Results and progress as rows, and the upkeep of the file that holds them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.codec import shown
from taskiq_sqlite.transaction import Topic, Transaction, each

CLEANED: Final = 500
"""Expired rows that one transaction deletes of each table."""
VACUUMED: Final = 500
"""Pages that one transaction gives back to the file system."""
_MUCH_FREE: Final = 1_000
"""Free pages below which nothing is given back: a busy queue needs them again at once."""

_INSERT: Final = """
INSERT INTO results (task_id, fence, expires, body) VALUES {values} ON CONFLICT (task_id) DO NOTHING
"""
# Two results without numbers, or of one delivery, are in the order in which they were stored.
DROP_OLDER: Final = """
DELETE FROM results WHERE task_id = ?1 AND (fence IS NULL OR ?2 IS NULL OR fence <= ?2)
"""
READY: Final = """
SELECT json_group_array(task_id) FROM results
WHERE task_id IN (SELECT value FROM json_each(?)) AND (expires IS NULL OR expires > ?)
"""
BODIES: Final = """
SELECT task_id, CAST(body AS BLOB) FROM results
WHERE task_id IN (SELECT value FROM json_each(?)) AND (expires IS NULL OR expires > ?)
"""
# Many callers wait for the same transaction: the last number, and whose results they are.
AFTER: Final = """
SELECT max(seq), json_group_array(task_id) FROM
    (SELECT seq, task_id FROM results WHERE seq > ? ORDER BY seq LIMIT 5000)
"""
AFTER_ONE_BY_ONE: Final = """
SELECT seq, CAST(task_id AS BLOB) FROM results WHERE seq > ? ORDER BY seq LIMIT 5000
"""
CLEAN_RESULTS: Final = """
DELETE FROM results WHERE seq IN (SELECT seq FROM results WHERE expires <= ? LIMIT ?)
"""
CLEAN_PROGRESS: Final = """
DELETE FROM progress WHERE task_id IN (SELECT task_id FROM progress WHERE expires <= ? LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result to be kept.

    Attributes:
        fence: the number of the delivery that it came from; None if it has none.
        ttl: seconds to keep it; None for ever.
    """

    task_id: str
    body: bytes
    fence: int | None
    ttl: float | None


@dataclass(frozen=True, slots=True)
class News:
    """Results that are new.

    Attributes:
        last: the number of the last one.
        task_ids: whose they are.
    """

    last: int
    task_ids: list[str]


def set_results(
    transaction: Transaction, results: Sequence[StoredResult]
) -> Sequence[TaskiqError | None]:
    """Keep results, but for those of deliveries that came before that of a result already kept."""
    rows = [_row(result, transaction.now) for result in results]
    if transaction.insert(_INSERT, rows) < len(rows):
        # Some were there before, perhaps some of these twice: one by one, in their order.
        for row in rows:
            transaction.execute(DROP_OLDER, row[:2])
            transaction.insert(_INSERT, [row])
    transaction.wake(Topic.RESULTS)
    return [None] * len(results)


def are_ready(transaction: Transaction, task_ids: Sequence[str]) -> list[bool]:
    """Which tasks have results."""
    ready = set(json.loads(transaction.value(READY, (json.dumps(task_ids), transaction.now))))
    return [task_id in ready for task_id in task_ids]


def get_results(transaction: Transaction, task_ids: Sequence[str]) -> list[bytes | None]:
    """The results of tasks; None for those that have none."""
    bodies = dict(transaction.rows(BODIES, (json.dumps(task_ids), transaction.now)))
    return [bodies.get(task_id) for task_id in task_ids]


@each
def news_after(transaction: Transaction, last: int) -> News:
    """The results that were stored since, whoever stored them; not more than a few thousand."""
    try:
        newest, task_ids = transaction.row(AFTER, (last,))
        return News(last if newest is None else newest, json.loads(task_ids))
    except (sqlite3.OperationalError, ValueError):  # an id among them is not a text
        rows = transaction.rows(AFTER_ONE_BY_ONE, (last,))
        return News(rows[-1][0] if rows else last, [shown(task_id) for _, task_id in rows])


def last_news(transaction: Transaction, items: Sequence[None]) -> list[int]:
    """The number of the last result that was stored."""
    last = transaction.value("SELECT max(seq) FROM results") or 0
    return [last for _ in items]


@each
def set_progress(transaction: Transaction, progress: StoredResult) -> None:
    """Keep how far a task has come."""
    task_id, _, expires, body = _row(progress, transaction.now)
    transaction.execute("REPLACE INTO progress VALUES (?, ?, ?)", (task_id, expires, body))


@each
def get_progress(transaction: Transaction, task_id: str) -> bytes | None:
    """How far a task has come; None if it has not said."""
    found: bytes | None = transaction.value(
        "SELECT CAST(body AS BLOB) FROM progress"
        " WHERE task_id = ? AND (expires IS NULL OR expires > ?)",
        (task_id, transaction.now),
    )
    return found


@each
def clean(transaction: Transaction, limit: int) -> int:
    """Delete some results and progress that have expired; how many there were."""
    values = (transaction.now, limit)
    return transaction.execute(CLEAN_RESULTS, values) + transaction.execute(CLEAN_PROGRESS, values)


@each
def shrink(transaction: Transaction, pages: int) -> bool:
    """Give some pages back to the file system if a quarter of the file is free; whether it was."""
    free = transaction.value("PRAGMA freelist_count")
    if free < _MUCH_FREE or 4 * free < transaction.value("PRAGMA page_count"):
        return False
    transaction.rows(f"PRAGMA incremental_vacuum({pages})")
    return True


def _row(result: StoredResult, now: float) -> tuple[str, int | None, float | None, bytes]:
    expires = None if result.ttl is None else now + result.ttl
    return (result.task_id, result.fence, expires, result.body)
