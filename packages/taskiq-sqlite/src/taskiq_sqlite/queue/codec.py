"""Rows of the queue as messages; of a row that can't be read, the message says so.

Many rows are read as one JSON text, which fails for all if one can't be read: then they are read
one by one.
"""

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_sqlite.storage.columns import shown, text_of
from taskiq_sqlite.storage.json_numbers import numbers_text
from taskiq_sqlite.storage.transaction import Transaction

# One row for all of them: each row would give up the interpreter's lock and wait for it again.
READ: Final = """
SELECT json_group_array(json_array(messages.id, fence, task_id, task_name, attempt, unsettled,
    failures, aborted, expires_after, hex(body),
    typeof(due) = 'real' AND typeof(priority) = 'integer' AND typeof(attempt) = 'integer'
    AND typeof(unsettled) = 'integer' AND typeof(failures) = 'integer'
    AND (expires IS NULL OR typeof(expires) = 'real')))
FROM json_each(?) AS held JOIN messages ON messages.id = held.value
"""
READ_ONE: Final = """
SELECT fence, CAST(task_id AS BLOB), CAST(task_name AS BLOB), aborted, CAST(body AS BLOB),
    iif(typeof(attempt) = 'integer', attempt, 1),
    iif(typeof(unsettled) = 'integer', unsettled, 0),
    iif(typeof(failures) = 'integer', failures, 0),
    iif(typeof(expires_after) = 'real', expires_after, NULL),
    typeof(task_id), typeof(task_name), typeof(attempt), typeof(unsettled), typeof(failures),
    typeof(expires_after), typeof(expires), typeof(due), typeof(priority)
FROM messages WHERE id = ?
"""
_TYPES: Final = {
    "task_id": ("text",),
    "task_name": ("text",),
    "attempt": ("integer",),
    "unsettled": ("integer",),
    "failures": ("integer",),
    "expires_after": ("real", "null"),
    "expires": ("real", "null"),
    "due": ("real",),
    "priority": ("integer",),
}
"""What a column may hold; in the order of the last columns of `READ_ONE`."""


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """A message that is leased to a worker; `Delivery` explains the rest.

    Attributes:
        message_id: of the row; with the fence, it is the token of the lease.
        task_id: None if it can't be read.
        aborted: 0 if no abort was asked for.
        unreadable: what of the row can't be read; None if all can.
    """

    message_id: int
    fence: int
    task_id: str | None
    task_name: str
    attempt: int
    unsettled: int
    failures: int
    aborted: int
    expires_after: float | None
    body: bytes
    unreadable: str | None = None


def read_messages(transaction: Transaction, ids: Sequence[int]) -> list[FetchedMessage]:
    """Read rows that are leased, in the order of their fences."""
    try:
        rows = json.loads(transaction.value(READ, (numbers_text(ids),)))
    except (sqlite3.OperationalError, sqlite3.DataError, ValueError):
        found = [_read_one(transaction, message_id) for message_id in ids]
    else:
        found = [
            _message(row) if row.pop() else _read_one(transaction, row[0])  # the last: all is sound
            for row in rows
        ]
    return sorted(found, key=lambda message: message.fence)


def _message(row: list[Any]) -> FetchedMessage:
    row[-1] = bytes.fromhex(row[-1])
    return FetchedMessage(*row)


def _read_one(transaction: Transaction, message_id: int) -> FetchedMessage:
    row = transaction.row(READ_ONE, (message_id,))
    fence, raw_id, raw_name, aborted, body, attempt, unsettled, failures, *rest = row
    expires_after, *types = rest
    columns = dict(zip(_TYPES, types, strict=True))
    task_id = text_of(raw_id, columns["task_id"])
    task_name = text_of(raw_name, columns["task_name"])
    problems = [
        f"{name} is {found}" for name, found in columns.items() if found not in _TYPES[name]
    ]
    problems += [
        f"{name} is not UTF-8"
        for name, text in (("task_id", task_id), ("task_name", task_name))
        if text is None and columns[name] == "text"
    ]
    if expires_after is not None and not math.isfinite(expires_after):
        problems.append(f"expires_after is {expires_after}")
    return FetchedMessage(
        message_id,
        fence,
        task_id,
        shown(raw_name) if task_name is None else task_name,
        attempt,
        unsettled,
        failures,
        aborted,
        expires_after,
        body,
        f"its row has columns of another kind: {', '.join(problems)}" if problems else None,
    )
