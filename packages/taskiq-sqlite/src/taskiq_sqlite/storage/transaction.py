"""Transactions: what an operation on the database can do, and how operations share one."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar

from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.storage.tally import WRITE, Tally

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Topic(StrEnum):
    """The kinds of changes that processes wait for; the value begins the names of their pipes."""

    MESSAGES = "messages"
    RESULTS = "results"
    ABORTS = "aborts"
    SCHEDULES = "schedules"


class Transaction:
    """One transaction, shared by all operations that were waiting when it began.

    Attributes:
        now: the store's clock, in seconds since the epoch: the system's clock, which all processes
            of a machine share. SQLite's own is the same clock in milliseconds, read once more for
            each statement.
        topics: what has changed; waiters are notified after the commit.
        tally: changes of the numbers of messages by this transaction.
        unwritten: changes by earlier transactions of this process.
    """

    __slots__ = ("_connection", "now", "tally", "topics", "unwritten")

    def __init__(
        self, connection: sqlite3.Connection, now: float, unwritten: Tally | None = None
    ) -> None:
        self._connection = connection
        self.now = now
        self.topics: set[Topic] = set()
        self.tally = Tally()
        self.unwritten = unwritten or Tally()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row of a query; None if there is no row."""
        return self._connection.execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first value of the first row of a query; None if there is no row."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def records(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return all rows of a query, by the names of its columns."""
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert many rows.

        Each statement gives up the interpreter's lock, and may have to wait for it as long as the
        event loop is busy. So there are few of them: measured 43 us a row where `executemany`
        takes 200, beside a thread that computes.

        Args:
            into: the statement up to its VALUES; `{values}` stands for those, if more follows.
            rows: what to insert.

        Returns:
            The number of rows that were new.
        """
        changed = 0
        statement = into if "{values}" in into else f"{into} VALUES {{values}}"
        for start in range(0, len(rows), ROWS_PER_STATEMENT):
            part = rows[start : start + ROWS_PER_STATEMENT]
            marks = "(" + ",".join("?" * len(part[0])) + ")"
            values = ",".join([marks] * len(part))
            flat = [value for row in part for value in row]
            changed += self.execute(statement.replace("{values}", values), flat)
        return changed

    def count(self, queue: str, *, total: int = 0, delayed: int = 0) -> None:
        """Say how the numbers of messages of a queue have changed.

        Args:
            queue: as it is stored.
            total: change of the number of messages in any state.
            delayed: change of the number of delayed messages.
        """
        self.tally.add(queue, total, delayed)

    def write_counts(self) -> None:
        """Write all changes of the numbers of messages that are not written yet."""
        self.tally.merge(self.unwritten)
        for values in self.tally:
            self.execute(WRITE, values)

    def notify(self, topic: Topic) -> None:
        """Wake the waiters of this topic, in all processes, once the change is committed."""
        self.topics.add(topic)


ROWS_PER_STATEMENT = 64

Operation = Callable[[Transaction, Sequence[_Item]], Sequence[_Result | TaskiqError]]
"""A function of all items that wait for it, with a result or an error for each, in their order.

An error means that nothing was changed for its item: the rest is committed.
"""


def each(function: Callable[[Transaction, _Item], _Result]) -> Operation[_Item, _Result]:
    """Make an operation of a function of one item, which raises before it changes anything."""

    def attempt(transaction: Transaction, item: _Item) -> _Result | TaskiqError:
        try:
            return function(transaction, item)
        except TaskiqError as error:
            return error

    @wraps(function)
    def operation(
        transaction: Transaction, items: Sequence[_Item]
    ) -> Sequence[_Result | TaskiqError]:
        return [attempt(transaction, item) for item in items]

    return operation
