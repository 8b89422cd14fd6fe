"""The queue as operators see it: counts, purges and dead letters."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_sqlite.transaction import Topic, Transaction, each

STEP: Final = 1_000
"""Rows that one transaction purges or replays, so that others get their turn."""

REPLAY: Final = """
INSERT INTO messages (task_id, task_name, state, priority, due, expires, expires_after,
    unique_key, sent_at, body)
SELECT task_id, task_name, 0, priority, ?1, ?1 + expires_after, expires_after, unique_key, ?1, body
FROM dead_letters WHERE id = ?2
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
"""
NEXT_LETTERS: Final = """
SELECT json_group_array(id) FROM
    (SELECT id FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?)
"""
PURGE: Final = """
DELETE FROM messages WHERE id IN
    (SELECT id FROM messages WHERE state = ? AND id <= ? AND sent_at <= ? LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Newest:
    """The message that was sent last.

    Ids of messages that are gone are used again, and a clock may be put back: what was sent before
    it has neither a higher id nor a later time.
    """

    message_id: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list."""

    limit: int
    offset: int


def count(transaction: Transaction, items: Sequence[None]) -> list[QueueStats]:
    """How many messages there are; reads the indexes of all."""
    due = transaction.value(
        "SELECT count(*) FROM messages WHERE state = 1 AND due <= ?", (transaction.now,)
    )
    stats = QueueStats(
        waiting=transaction.value("SELECT count(*) FROM messages WHERE state = 0") + due,
        delivered=transaction.value("SELECT count(*) FROM messages WHERE state = 2"),
        delayed=transaction.value("SELECT count(*) FROM messages WHERE state = 1") - due,
        dead=transaction.value("SELECT count(*) FROM dead_letters"),
    )
    return [stats for _ in items]


def newest(transaction: Transaction, items: Sequence[None]) -> list[Newest]:
    """What is there now ends here."""
    found = transaction.value("SELECT max(id) FROM messages") or 0
    return [Newest(found, transaction.now) for _ in items]


@each
def purge(transaction: Transaction, last: Newest) -> int:
    """Drop some of the messages up to one that wait or are delayed; 0 if there were none."""
    values = ((state, last.message_id, last.sent_at, STEP) for state in (0, 1))
    return sum(transaction.execute(PURGE, each) for each in values)


@each
def letters(transaction: Transaction, page: Page) -> list[DeadLetter]:
    """A part of the dead letters, those buried first first."""
    rows = transaction.rows(
        "SELECT id, task_id, task_name, body, attempt, reason, error, buried_at"
        " FROM dead_letters ORDER BY id LIMIT ? OFFSET ?",
        (page.limit, page.offset),
    )
    return [_letter(*row) for row in rows]


@each
def letter_ids_after(transaction: Transaction, last: int) -> list[int]:
    """Some ids of dead letters above one, in their order."""
    found: list[int] = json.loads(transaction.value(NEXT_LETTERS, (last, STEP)))
    return found


@each
def replay(transaction: Transaction, ids: Collection[int]) -> int:
    """Queue dead letters as new messages; those whose unique key is taken stay where they are."""
    replayed = 0
    for letter_id in ids:
        task_id = transaction.value("SELECT task_id FROM dead_letters WHERE id = ?", (letter_id,))
        if task_id is None or not transaction.execute(REPLAY, (transaction.now, letter_id)):
            continue
        replayed += 1
        transaction.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))
        transaction.execute("DELETE FROM results WHERE task_id = ?", (task_id,))
        transaction.execute("DELETE FROM progress WHERE task_id = ?", (task_id,))
    transaction.wake(Topic.MESSAGES)
    return replayed


@each
def purge_letters(transaction: Transaction, ids: Collection[int]) -> int:
    """Forget dead letters."""
    return transaction.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )


def _letter(
    letter_id: int,
    task_id: str,
    task_name: str,
    body: bytes,
    attempt: int,
    reason: str,
    error: str | None,
    buried_at: float,
) -> DeadLetter:
    return DeadLetter(
        letter_id=str(letter_id),
        task_id=task_id,
        task_name=task_name,
        message=body,
        attempt=attempt,
        reason=reason,
        error=error,
        buried_at=datetime.fromtimestamp(buried_at, UTC),
    )
