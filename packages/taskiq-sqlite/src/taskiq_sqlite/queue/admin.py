"""The queue as operators see it: counts and purges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.messages.queue_stats import QueueStats
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.transaction import Transaction, each

STEP: Final = 1_000
"""Messages that one transaction purges, so that other callers get their turn."""

PURGE: Final = """
DELETE FROM messages WHERE id IN
    (SELECT id FROM messages WHERE state = ? AND id <= ? AND sent_at <= ? LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Newest:
    """The message that was sent last.

    Ids of messages that are gone are used again, and a clock may be put back: a message that was
    sent before it has neither a higher id nor a later time.
    """

    message_id: int
    sent_at: float


async def purge(database: Database) -> int:
    """Drop the messages that wait or are delayed, but no message that is sent meanwhile.

    Returns:
        The number of messages dropped.
    """
    newest = await database.read(find_newest, None)
    total = 0
    while count := await database.write(purge_some, newest):
        total += count
    return total


def count(transaction: Transaction, items: Sequence[None]) -> list[QueueStats]:
    """Count the messages; reads the indexes of all."""
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


def find_newest(transaction: Transaction, items: Sequence[None]) -> list[Newest]:
    """Return the message that was sent last."""
    found = transaction.value("SELECT max(id) FROM messages") or 0
    return [Newest(found, transaction.now) for _ in items]


@each
def purge_some(transaction: Transaction, last: Newest) -> int:
    """Drop some messages up to the newest.

    Returns:
        The number of messages dropped; 0 at the end.
    """
    values = ((state, last.message_id, last.sent_at, STEP) for state in (0, 1))
    return sum(transaction.execute(PURGE, each) for each in values)
