"""Records of workers as rows; each ends by itself unless it is written again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_sqlite.storage.transaction import Transaction, each

ANNOUNCE: Final = "REPLACE INTO workers (worker_id, expires, body) VALUES (?, ?, ?)"
WITHDRAW: Final = "DELETE FROM workers WHERE worker_id = ?"
ALL: Final = """
SELECT CAST(body AS BLOB) FROM workers WHERE expires > ? ORDER BY worker_id
"""
FORGET_ENDED: Final = "DELETE FROM workers WHERE expires <= ?"


@dataclass(frozen=True, slots=True)
class StoredWorker:
    """A record to be kept.

    Attributes:
        worker_id: of the worker.
        body: the record as JSON.
        ttl: seconds to keep it.
    """

    worker_id: str
    body: str
    ttl: float


@each
def announce(transaction: Transaction, worker: StoredWorker) -> None:
    """Keep a record, and forget those of workers that ended without a word."""
    transaction.execute(FORGET_ENDED, (transaction.now,))
    values = (worker.worker_id, transaction.now + worker.ttl, worker.body)
    transaction.execute(ANNOUNCE, values)


@each
def withdraw(transaction: Transaction, worker_id: str) -> None:
    """Forget a record."""
    transaction.execute(WITHDRAW, (worker_id,))


def all_workers(transaction: Transaction, items: Sequence[None]) -> list[list[bytes]]:
    """Return the records that have not ended."""
    found = [row[0] for row in transaction.rows(ALL, (transaction.now,))]
    return [found for _ in items]
