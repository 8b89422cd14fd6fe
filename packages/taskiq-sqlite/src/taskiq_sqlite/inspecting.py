"""The queue as operators see it: counts, purges and dead letters."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_sqlite.codec import shown, text_of
from taskiq_sqlite.transaction import Topic, Transaction, each

UNREADABLE: Final = "unreadable"
"""What the reason of a letter begins with that can't be read."""
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


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did.

    Attributes:
        count: letters that are messages again.
        unreadable: ids of letters that stay, because they can't be read.
    """

    count: int
    unreadable: list[int]


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


_LETTER: Final = """
SELECT id, CAST(task_id AS BLOB), typeof(task_id), CAST(task_name AS BLOB), typeof(task_name),
    CAST(body AS BLOB), iif(typeof(attempt) = 'integer', attempt, 0), CAST(reason AS BLOB),
    CAST(error AS BLOB), iif(typeof(buried_at) = 'real', buried_at, NULL),
    typeof(expires_after) IN ('real', 'null') AND abs(coalesce(expires_after, 0)) < 9e999
    AND typeof(priority) = 'integer'
FROM dead_letters
"""
LETTER_OF_ID: Final = f"{_LETTER} WHERE id = ?"
PAGE: Final = f"{_LETTER} ORDER BY id LIMIT ? OFFSET ?"


@each
def letters(transaction: Transaction, page: Page) -> list[DeadLetter]:
    """A part of the dead letters, those buried first first."""
    return [_letter(*row)[0] for row in transaction.rows(PAGE, (page.limit, page.offset))]


@each
def letter_ids_after(transaction: Transaction, last: int) -> list[int]:
    """Some ids of dead letters above one, in their order."""
    found: list[int] = json.loads(transaction.value(NEXT_LETTERS, (last, STEP)))
    return found


@each
def replay(transaction: Transaction, ids: Collection[int]) -> Replay:
    """Queue dead letters as new messages; those whose unique key is taken stay where they are."""
    replayed, unreadable = 0, []
    for letter_id in ids:
        row = transaction.row(LETTER_OF_ID, (letter_id,))
        if row is None:
            continue
        letter, can_be_read = _letter(*row)
        if not can_be_read:
            unreadable.append(letter_id)
            continue
        if not transaction.execute(REPLAY, (transaction.now, letter_id)):
            continue
        replayed += 1
        transaction.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))
        transaction.execute("DELETE FROM results WHERE task_id = ?", (letter.task_id,))
        transaction.execute("DELETE FROM progress WHERE task_id = ?", (letter.task_id,))
    transaction.wake(Topic.MESSAGES)
    return Replay(replayed, unreadable)


@each
def purge_letters(transaction: Transaction, ids: Collection[int]) -> int:
    """Forget dead letters."""
    return transaction.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )


def _letter(
    letter_id: int,
    raw_id: bytes,
    type_of_id: str,
    raw_name: bytes,
    type_of_name: str,
    body: bytes,
    attempt: int,
    raw_reason: bytes,
    raw_error: bytes | None,
    buried_at: float | None,
    other_columns_are_sound: int,
) -> tuple[DeadLetter, bool]:
    """A letter as far as it can be read, and whether all of it can."""
    task_id, task_name = text_of(raw_id, type_of_id), text_of(raw_name, type_of_name)
    can_be_read = task_id is not None and task_name is not None and bool(other_columns_are_sound)
    reason = shown(raw_reason)
    if not can_be_read and not reason.startswith(UNREADABLE):
        reason = f"{UNREADABLE}: its row has columns of another kind; it was buried for: {reason}"
    letter = DeadLetter(
        letter_id=str(letter_id),
        task_id=shown(raw_id),
        task_name=shown(raw_name),
        message=body,
        attempt=attempt,
        reason=reason,
        error=None if raw_error is None else shown(raw_error),
        buried_at=_moment(buried_at),
    )
    return letter, can_be_read


def _moment(seconds: float | None) -> datetime:
    try:
        return datetime.fromtimestamp(seconds or 0.0, UTC)
    except (ValueError, OverflowError, OSError):  # a number that somebody made up
        return datetime.max.replace(tzinfo=UTC)
