"""Results and progress as rows."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

_INSERT: Final = """
INSERT INTO results (task_id, fence, expires, body) VALUES {values} ON CONFLICT (task_id) DO NOTHING
"""
# Of two results without fences, or of one delivery, the one that is stored later wins.
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
# One row for many callers that wait: the last number, and the ids of the tasks.
AFTER: Final = """
SELECT max(seq), json_group_array(task_id) FROM
    (SELECT seq, task_id FROM results WHERE seq > ? ORDER BY seq LIMIT 5000)
"""
AFTER_ONE_BY_ONE: Final = """
SELECT seq, CAST(task_id AS BLOB) FROM results WHERE seq > ? ORDER BY seq LIMIT 5000
"""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result to be stored.

    Attributes:
        task_id: of the task.
        body: the result as bytes.
        fence: of the delivery that the result came from; None if it has no fence.
        ttl: seconds to keep it; None for ever.
    """

    task_id: str
    body: bytes
    fence: int | None
    ttl: float | None


@dataclass(frozen=True, slots=True)
class NewResults:
    """The results that were stored since a reader looked.

    Attributes:
        last: the number of the last one.
        task_ids: of their tasks.
    """

    last: int
    task_ids: list[str]


def set_results(
    transaction: Transaction, results: Sequence[StoredResult]
) -> Sequence[TaskiqError | None]:
    """Store results; a result of an earlier delivery than that of the stored one is ignored."""
    rows = [_row(result, transaction.now) for result in results]
    if transaction.insert(_INSERT, rows) < len(rows):
        # Some tasks have a result already, or two of these are of one task: in their order.
        for row in rows:
            transaction.execute(DROP_OLDER, row[:2])
            transaction.insert(_INSERT, [row])
    transaction.notify(Topic.RESULTS)
    return [None] * len(results)


def are_ready(transaction: Transaction, task_ids: Sequence[str]) -> list[bool]:
    """Return, for each task, whether it has a result."""
    ready = set(json.loads(transaction.value(READY, (json.dumps(task_ids), transaction.now))))
    return [task_id in ready for task_id in task_ids]


def get_results(transaction: Transaction, task_ids: Sequence[str]) -> list[bytes | None]:
    """Return the results of tasks; None for a task without a result."""
    bodies = dict(transaction.rows(BODIES, (json.dumps(task_ids), transaction.now)))
    return [bodies.get(task_id) for task_id in task_ids]


@each
def results_after(transaction: Transaction, last: int) -> NewResults:
    """Return the results after a number, of all processes; a few thousand at most."""
    try:
        newest, task_ids = transaction.row(AFTER, (last,))
        return NewResults(last if newest is None else newest, json.loads(task_ids))
    except (sqlite3.OperationalError, ValueError):  # one of the ids is not text
        rows = transaction.rows(AFTER_ONE_BY_ONE, (last,))
        return NewResults(rows[-1][0] if rows else last, [shown(task_id) for _, task_id in rows])


def last_result(transaction: Transaction, items: Sequence[None]) -> list[int]:
    """Return the number of the last result."""
    last = transaction.value("SELECT max(seq) FROM results") or 0
    return [last for _ in items]


@each
def set_progress(transaction: Transaction, progress: StoredResult) -> None:
    """Store the progress of a task."""
    task_id, _, expires, body = _row(progress, transaction.now)
    transaction.execute("REPLACE INTO progress VALUES (?, ?, ?)", (task_id, expires, body))


@each
def get_progress(transaction: Transaction, task_id: str) -> bytes | None:
    """Return the progress of a task; None if it has not reported any."""
    found: bytes | None = transaction.value(
        "SELECT CAST(body AS BLOB) FROM progress"
        " WHERE task_id = ? AND (expires IS NULL OR expires > ?)",
        (task_id, transaction.now),
    )
    return found


def _row(result: StoredResult, now: float) -> tuple[str, int | None, float | None, bytes]:
    expires = None if result.ttl is None else now + result.ttl
    return (result.task_id, result.fence, expires, result.body)
