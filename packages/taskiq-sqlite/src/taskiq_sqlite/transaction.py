"""What operations on the database get: statements, the time, and whom to wake afterwards."""

import sqlite3
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar

from taskiq_core.exceptions import TaskiqError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Topic(StrEnum):
    """What processes wait for; the value begins the names of their pipes."""

    MESSAGES = "messages"
    RESULTS = "results"
    ABORTS = "aborts"


class Transaction:
    """One transaction, shared by all operations that waited when it began.

    Attributes:
        now: the store's clock, in seconds since the epoch: the system's clock, which all processes
            of a machine share. SQLite's own is the same clock in milliseconds, read once more for
            each statement.
        topics: what has changed, so that those who wait for it are woken after the commit.
    """

    __slots__ = ("_connection", "now", "topics")

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self.now = now
        self.topics: set[Topic] = set()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query; None if there is none."""
        return self._connection.execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query; None if there is none."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert many rows; how many were new.

        Each statement gives up the interpreter's lock, and may have to wait for it as long as the
        event loop is busy. So there are few of them: measured 43 us a row where `executemany`
        takes 200, beside a thread that computes.

        Args:
            into: the statement up to its VALUES; `{values}` stands for those, if more follows.
            rows: what to insert.
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

    def wake(self, topic: Topic) -> None:
        """Wake those who wait for this, in all processes, once the change is there to be seen."""
        self.topics.add(topic)


ROWS_PER_STATEMENT = 64

Operation = Callable[[Transaction, Sequence[_Item]], Sequence[_Result | TaskiqError]]
"""A function of all items that wait for it; one result or error for each, in their order.

It returns an error only for an item for which it has changed nothing: the rest is committed.
"""


def each(function: Callable[[Transaction, _Item], _Result]) -> Operation[_Item, _Result]:
    """An operation of a function of one item, which raises errors before it changes anything."""

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
