"""Dead letters: listed, queued again or forgotten."""

import json
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.loggers import get_logger
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_sqlite.storage.columns import moment, shown, text_of
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

logger = get_logger(__name__)

UNREADABLE: Final = "unreadable"
"""Begins the reason of a letter that can't be read."""
STEP: Final = 1_000
"""Letters that one transaction replays or forgets, so that other callers get their turn."""
LONGEST_ID: Final = 19
"""Digits of an id at most: SQLite's integers end there."""

REPLAY: Final = """
INSERT INTO messages (task_id, task_name, queue, state, priority, due, expires, expires_after,
    unique_key, sent_at, body)
SELECT task_id, task_name, queue, iif(queue = '', 0, 3), priority, ?1, ?1 + expires_after,
    expires_after, unique_key, ?1, body
FROM dead_letters WHERE id = ?2
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
"""
NEXT_LETTERS: Final = """
SELECT json_group_array(id) FROM
    (SELECT id FROM dead_letters WHERE queue = ? AND id > ? ORDER BY id LIMIT ?)
"""
_LETTER: Final = """
SELECT id, CAST(task_id AS BLOB), typeof(task_id), CAST(task_name AS BLOB), typeof(task_name),
    CAST(body AS BLOB), iif(typeof(attempt) = 'integer', attempt, 0), CAST(reason AS BLOB),
    CAST(error AS BLOB), iif(typeof(buried_at) = 'real', buried_at, NULL),
    typeof(expires_after) IN ('real', 'null') AND abs(coalesce(expires_after, 0)) < 9e999
    AND typeof(priority) = 'integer'
FROM dead_letters
"""
LETTER_OF_ID: Final = f"{_LETTER} WHERE id = ? AND queue = ?"
PAGE: Final = f"{_LETTER} WHERE queue = ? ORDER BY id LIMIT ? OFFSET ?"
PURGE: Final = """
DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?)) AND queue = ?
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the letters of a queue."""

    queue: str
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letters:
    """Some letters of a queue, by their ids."""

    queue: str
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay.

    Attributes:
        count: letters that are messages again.
        unreadable: ids of letters that stay, as they can't be read.
    """

    count: int
    unreadable: list[int]


async def replay_all(database: Database, queue: str, letter_ids: Collection[str] | None) -> int:
    """Queue letters again.

    A letter stays if another message has its unique key, or if it can't be read.

    Args:
        database: the file.
        queue: of the letters, as it is stored.
        letter_ids: which of them; None for all.

    Returns:
        The number of messages queued.
    """
    count, unreadable = 0, list[int]()
    async for batch in _batches(database, queue, letter_ids):
        done = await database.write(replay, batch)
        count += done.count
        unreadable += done.unreadable
    if unreadable:
        stay = ", ".join(map(str, unreadable))
        logger.warning("Dead letters that can't be read are not replayed: %s", stay)
    return count


async def purge_all(database: Database, queue: str, letter_ids: Collection[str] | None) -> int:
    """Forget letters.

    Args:
        database: the file.
        queue: of the letters, as it is stored.
        letter_ids: which of them; None for all.

    Returns:
        The number of letters removed.
    """
    count = 0
    async for batch in _batches(database, queue, letter_ids):
        count += await database.write(purge_letters, batch)
    return count


async def _batches(
    database: Database, queue: str, letter_ids: Collection[str] | None
) -> AsyncGenerator[Letters, None]:
    """Yield the letters with these ids, or all; texts that can't be ids are left out."""
    if letter_ids is not None:
        yield Letters(queue, sorted({int(text) for text in letter_ids if _is_id(text)}))
        return
    last = 0
    while ids := await database.read(letter_ids_after, Letters(queue, [last])):
        yield Letters(queue, ids)
        last = ids[-1]


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < LONGEST_ID


@each
def letters(transaction: Transaction, page: Page) -> list[DeadLetter]:
    """Return a part of the dead letters, oldest first."""
    values = (page.queue, page.limit, page.offset)
    return [_letter(*row)[0] for row in transaction.rows(PAGE, values)]


@each
def letter_ids_after(transaction: Transaction, last: Letters) -> list[int]:
    """Return some ids of letters after one, in their order."""
    values = (last.queue, last.ids[-1], STEP)
    found: list[int] = json.loads(transaction.value(NEXT_LETTERS, values))
    return found


@each
def replay(transaction: Transaction, batch: Letters) -> Replay:
    """Queue dead letters as new messages; a letter whose unique key is taken stays."""
    replayed, unreadable = 0, []
    for letter_id in batch.ids:
        row = transaction.row(LETTER_OF_ID, (letter_id, batch.queue))
        if row is None:
            continue
        letter, can_be_read = _letter(*row)
        if not can_be_read:
            unreadable.append(letter_id)
            continue
        if not transaction.execute(REPLAY, (transaction.now, letter_id)):
            continue
        replayed += 1
        transaction.count(batch.queue, total=1)
        transaction.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))
        transaction.execute("DELETE FROM results WHERE task_id = ?", (letter.task_id,))
        transaction.execute("DELETE FROM progress WHERE task_id = ?", (letter.task_id,))
    transaction.notify(Topic.MESSAGES)
    return Replay(replayed, unreadable)


@each
def purge_letters(transaction: Transaction, batch: Letters) -> int:
    """Forget dead letters."""
    return transaction.execute(PURGE, (json.dumps(batch.ids), batch.queue))


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
    """Return a letter as far as it can be read, and whether all of it can."""
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
        buried_at=moment(buried_at),
    )
    return letter, can_be_read
