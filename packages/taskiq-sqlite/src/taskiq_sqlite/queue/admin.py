"""The queues as operators see them: names, counts, pauses and purges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.messages.queue_stats import QueueStats
from taskiq_sqlite.queue.enqueue import ADD_QUEUE
from taskiq_sqlite.queue.states import DEFAULT, DELAYED, WAITING
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

STEP: Final = 1_000
"""Messages that one transaction purges, so that other callers get their turn."""
MAX_COUNTED: Final = 10_000
"""Waiting messages, and delayed ones, that are counted; of more the counters are taken."""
TOLERANCE: Final = 200
"""Error of a counter that is not corrected: other processes write their changes together."""
MAX_LEVELS: Final = 64
"""Priorities among which the oldest waiting message is looked for, the highest ones."""

QUEUE: Final = "SELECT total, delayed, dead, is_paused FROM queues WHERE name = ?"
CORRECT: Final = "UPDATE queues SET total = ?, delayed = ? WHERE name = ?"
_SOME: Final = "SELECT count(*) FROM (SELECT 1 FROM messages WHERE {where} LIMIT ?)"
SOME_WAITING: Final = _SOME.format(where="state = 0")
SOME_DELAYED: Final = _SOME.format(where="state = 1")
SOME_WAITING_NAMED: Final = _SOME.format(where="state = 3 AND queue = ?")
SOME_DELAYED_NAMED: Final = _SOME.format(where="state = 4 AND queue = ?")
DELIVERED: Final = "SELECT count(*) FROM messages WHERE state = 2"
DELIVERED_NAMED: Final = "SELECT count(*) FROM messages WHERE state = 5 AND queue = ?"
_DUE: Final = """
SELECT count(*), min(due) FROM
    (SELECT due FROM messages WHERE {where} AND due <= ? AND due > 0 LIMIT ?)
"""
DUE: Final = _DUE.format(where="state = 1")
DUE_NAMED: Final = _DUE.format(where="state = 4 AND queue = ?")
# The first message of each priority is its oldest; the next priority is found by the index.
# Rows that another program wrote may hold a text, which need not be UTF-8: they are left out.
_FIRST: Final = """
SELECT aborted, priority, due FROM messages WHERE {where}
    AND typeof(priority) = 'integer' AND typeof(due) = 'real'
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
class _Counters:
    """The counters of a queue."""

    total: int = 0
    delayed: int = 0
    dead: int = 0
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class _Counts:
    """The messages of a queue; waiting and delayed ones up to one more than the limit."""

    waiting: int
    delayed: int
    delivered: int


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
    """Count the messages of a queue by state: some thousands exactly, more by the counters."""
    counters = _counters(transaction, queue)
    counts = _counted(transaction, queue)
    moments = _oldest_of_levels(transaction, queue)
    due, oldest_due = _due(transaction, queue)
    if oldest_due is not None:
        moments.append(oldest_due)
    delayed = counters.delayed if counts.delayed > MAX_COUNTED else counts.delayed
    waiting = (
        max(counters.total - delayed - counts.delivered, MAX_COUNTED)
        if counts.waiting > MAX_COUNTED
        else counts.waiting
    )
    return QueueStats(
        waiting=waiting + due,
        delivered=counts.delivered,
        delayed=delayed - due,
        dead=counters.dead,
        oldest_age=max(transaction.now - min(moments), 0.0) if moments else None,
        is_paused=counters.is_paused,
    )


async def correct_counters(database: Database) -> None:
    """Correct the counters of small queues, which older versions and other programs don't keep."""
    for queue in await database.read(names, None):
        if await database.read(find_error, queue) is not None:
            await database.write(correct, queue)


@each
def find_error(transaction: Transaction, queue: str) -> tuple[int, int] | None:
    """Return what the counters of a queue should be, total and delayed, if they are wrong.

    None for a queue that is too large to be counted, or whose counters are right.
    """
    counters, counts = _counters(transaction, queue), _counted(transaction, queue)
    if max(counts.waiting, counts.delayed) > MAX_COUNTED:
        return None
    total = counts.waiting + counts.delayed + counts.delivered
    errors = (abs(total - counters.total), abs(counts.delayed - counters.delayed))
    if max(errors) <= TOLERANCE:
        return None
    unwritten = transaction.unwritten.of(queue)
    return total - unwritten[0], counts.delayed - unwritten[1]


@each
def correct(transaction: Transaction, queue: str) -> None:
    """Correct the counters of a queue."""
    [right] = find_error(transaction, [queue])
    if isinstance(right, tuple):
        transaction.execute(CORRECT, (*right, queue))


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
        waiting = transaction.execute(PURGE, (WAITING, *bounds))
        delayed = transaction.execute(PURGE, (DELAYED, *bounds))
    else:
        waiting = transaction.execute(PURGE_WAITING_NAMED, (last.queue, *bounds))
        delayed = transaction.execute(PURGE_DELAYED_NAMED, (last.queue, *bounds))
    transaction.count(last.queue, total=-waiting - delayed, delayed=-delayed)
    return waiting + delayed


def _counters(transaction: Transaction, queue: str) -> _Counters:
    row = transaction.row(QUEUE, (queue,))
    if row is None:
        return _Counters()
    total, delayed = transaction.unwritten.of(queue)
    return _Counters(row[0] + total, row[1] + delayed, row[2], bool(row[3]))


def _counted(transaction: Transaction, queue: str) -> _Counts:
    limit = MAX_COUNTED + 1
    if queue == DEFAULT:
        return _Counts(
            transaction.value(SOME_WAITING, (limit,)),
            transaction.value(SOME_DELAYED, (limit,)),
            transaction.value(DELIVERED),
        )
    return _Counts(
        transaction.value(SOME_WAITING_NAMED, (queue, limit)),
        transaction.value(SOME_DELAYED_NAMED, (queue, limit)),
        transaction.value(DELIVERED_NAMED, (queue,)),
    )


def _due(transaction: Transaction, queue: str) -> tuple[int, float | None]:
    """Return the number of delayed messages that are due, and when the first became due."""
    values = (transaction.now, MAX_COUNTED)
    found: tuple[int, float | None]
    if queue == DEFAULT:
        found = transaction.row(DUE, values)
    else:
        found = transaction.row(DUE_NAMED, (queue, *values))
    return found


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
