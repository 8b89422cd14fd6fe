"""The queues as operators see them: names, counts, pauses and purges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.messages.queue_stats import QueueStats
from taskiq_sqlite.queue.enqueue import ADD_QUEUE
from taskiq_sqlite.queue.states import DEFAULT, DELAYED, WAITING, state_in
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

STEP: Final = 1_000
"""Messages that one transaction purges, so that other callers get their turn."""
MAX_DUE: Final = 10_000
"""Delayed messages that are due and counted as waiting; a fetch makes them wait."""
MAX_LEVELS: Final = 64
"""Priorities among which the oldest waiting message is looked for, the highest ones."""

QUEUE: Final = "SELECT total, delayed, dead, is_paused FROM queues WHERE name = ?"
DELIVERED: Final = "SELECT count(*) FROM messages WHERE state = 2"
DELIVERED_NAMED: Final = "SELECT count(*) FROM messages WHERE state = 5 AND queue = ?"
_DUE: Final = """
SELECT count(*), min(due) FROM
    (SELECT due FROM messages WHERE {where} AND due <= ? AND due > 0 LIMIT ?)
"""
DUE: Final = _DUE.format(where="state = 1")
DUE_NAMED: Final = _DUE.format(where="state = 4 AND queue = ?")
# The first message of each priority is its oldest; the next priority is found by the index.
_FIRST: Final = """
SELECT aborted, priority, due FROM messages WHERE {where}
ORDER BY aborted DESC, priority DESC, due LIMIT 1
"""
FIRST: Final = _FIRST.format(where="state = 0")
FIRST_OF_LEVEL: Final = _FIRST.format(where="state = 0 AND aborted = ? AND priority < ?")
FIRST_OF_REST: Final = _FIRST.format(where="state = 0 AND aborted < ?")
FIRST_NAMED: Final = _FIRST.format(where="state = 3 AND queue = ?")
FIRST_OF_LEVEL_NAMED: Final = _FIRST.format(
    where="state = 3 AND queue = ? AND aborted = ? AND priority < ?"
)
FIRST_OF_REST_NAMED: Final = _FIRST.format(where="state = 3 AND queue = ? AND aborted < ?")
_PURGE: Final = """
DELETE FROM messages WHERE id IN
    (SELECT id FROM messages WHERE {where} AND id <= ? AND sent_at <= ? LIMIT ?)
"""
PURGE: Final = _PURGE.format(where="state = ?")
PURGE_WAITING_NAMED: Final = _PURGE.format(where="state = 3 AND queue = ?")
PURGE_DELAYED_NAMED: Final = _PURGE.format(where="state = 4 AND queue = ?")


@dataclass(frozen=True, slots=True)
class Newest:
    """The message that was sent last, and the queue to purge.

    Ids of messages that are gone are used again, and a clock may be put back: a message that was
    sent before it has neither a higher id nor a later time.
    """

    queue: str
    message_id: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether a queue is to be paused."""

    queue: str
    is_paused: bool


async def purge(database: Database, queue: str) -> int:
    """Drop the messages that wait or are delayed, but no message that is sent meanwhile.

    Returns:
        The number of messages dropped.
    """
    newest = await database.read(find_newest, queue)
    total = 0
    while count := await database.write(purge_some, newest):
        total += count
    return total


@each
def count(transaction: Transaction, queue: str) -> QueueStats:
    """Count the messages of a queue by state; does not read all of them."""
    total, delayed, dead, is_paused = transaction.row(QUEUE, (queue,)) or (0, 0, 0, 0)
    if queue == DEFAULT:
        delivered = transaction.value(DELIVERED)
        due, oldest_due = transaction.row(DUE, (transaction.now, MAX_DUE))
    else:
        delivered = transaction.value(DELIVERED_NAMED, (queue,))
        due, oldest_due = transaction.row(DUE_NAMED, (queue, transaction.now, MAX_DUE))
    moments = [
        *_oldest_of_levels(transaction, queue),
        *([] if oldest_due is None else [oldest_due]),
    ]
    return QueueStats(
        waiting=total - delivered - delayed + due,
        delivered=delivered,
        delayed=delayed - due,
        dead=dead,
        oldest_age=max(transaction.now - min(moments), 0.0) if moments else None,
        is_paused=bool(is_paused),
    )


def names(transaction: Transaction, items: Sequence[None]) -> list[list[str]]:
    """Return the names of all queues, as they are stored."""
    found = [row[0] for row in transaction.rows("SELECT name FROM queues ORDER BY name")]
    return [found for _ in items]


@each
def pause(transaction: Transaction, item: Pause) -> None:
    """Pause a queue, or let it go on."""
    transaction.execute(ADD_QUEUE, (item.queue,))
    transaction.execute(
        "UPDATE queues SET is_paused = ? WHERE name = ?", (int(item.is_paused), item.queue)
    )
    if not item.is_paused:
        transaction.notify(Topic.MESSAGES)


@each
def is_paused(transaction: Transaction, queue: str) -> bool:
    """Return whether a queue is paused."""
    row = transaction.row(QUEUE, (queue,))
    return row is not None and bool(row[-1])


@each
def find_newest(transaction: Transaction, queue: str) -> Newest:
    """Return the message that was sent last."""
    found = transaction.value("SELECT max(id) FROM messages") or 0
    return Newest(queue, found, transaction.now)


@each
def purge_some(transaction: Transaction, last: Newest) -> int:
    """Drop some messages up to the newest.

    Returns:
        The number of messages dropped; 0 at the end.
    """
    bounds = (last.message_id, last.sent_at, STEP)
    if last.queue == DEFAULT:
        return sum(
            transaction.execute(PURGE, (state_in(DEFAULT, state), *bounds))
            for state in (WAITING, DELAYED)
        )
    return sum(
        transaction.execute(statement, (last.queue, *bounds))
        for statement in (PURGE_WAITING_NAMED, PURGE_DELAYED_NAMED)
    )


def _oldest_of_levels(transaction: Transaction, queue: str) -> list[float]:
    """Return when the first message of each priority became due."""
    if queue == DEFAULT:
        first, of_level, of_rest = FIRST, FIRST_OF_LEVEL, FIRST_OF_REST
    else:
        first, of_level, of_rest = FIRST_NAMED, FIRST_OF_LEVEL_NAMED, FIRST_OF_REST_NAMED
    named = () if queue == DEFAULT else (queue,)
    moments: list[float] = []
    row = transaction.row(first, named)
    for _ in range(MAX_LEVELS):
        if row is None:
            break
        aborted, priority, due = row
        if isinstance(due, float):
            moments.append(due)
        row = transaction.row(of_level, (*named, aborted, priority)) or transaction.row(
            of_rest, (*named, aborted)
        )
    return moments
