"""Tally: changes of the numbers of messages, by queue, until they are written."""

from collections.abc import Iterator
from typing import Final

MAX_TRANSACTIONS: Final = 64
"""Transactions between two writes of the counters, and seconds:"""
MAX_AGE: Final = 1.0
MANY: Final = 64
"""Messages of one transaction that are worth a write."""
WRITE: Final = "UPDATE queues SET total = total + ?, delayed = delayed + ? WHERE name = ?"


class Tally:
    """Changes that a process has made and not written yet.

    A write of the counters is one more page in each commit, which is a tenth of what sending one
    message costs: changes of several transactions are written together. What a killed process has
    not written is corrected when its queue is small again.
    """

    __slots__ = ("_changes", "_size", "_transactions", "_written_at")

    def __init__(self) -> None:
        self._size = 0
        self._changes: dict[str, tuple[int, int]] = {}
        self._transactions = 0
        self._written_at = 0.0

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        """Iterate over the parameters of `WRITE`."""
        for queue, (total, delayed) in self._changes.items():
            if total or delayed:
                yield total, delayed, queue

    def add(self, queue: str, total: int, delayed: int) -> None:
        """Add a change.

        Args:
            queue: as it is stored.
            total: change of the number of messages in any state.
            delayed: change of the number of delayed messages.
        """
        self._size += abs(total)
        before = self._changes.get(queue)
        if before is not None:
            total, delayed = before[0] + total, before[1] + delayed
        self._changes[queue] = (total, delayed)

    def of(self, queue: str) -> tuple[int, int]:
        """Return the changes of the total and of the delayed messages of a queue."""
        return self._changes.get(queue, (0, 0))

    def merge(self, other: "Tally") -> None:
        """Add the changes of a transaction."""
        self._transactions += 1
        for total, delayed, queue in other:
            self.add(queue, total, delayed)

    def is_due(self, now: float, transaction: "Tally") -> bool:
        """Return whether a transaction, which has changes of its own, is to write all."""
        return (
            self._transactions >= MAX_TRANSACTIONS
            or not 0 <= now - self._written_at < MAX_AGE
            or transaction._size >= MANY  # of the same class
        )

    def clear(self, now: float) -> None:
        """Forget the changes, which are written."""
        self._changes.clear()
        self._size = self._transactions = 0
        self._written_at = now
