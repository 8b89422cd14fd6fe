"""Rows that can't be read, put into a file behind its broker's back."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

INSERT = """
INSERT INTO messages (task_id, task_name, state, priority, due, expires, expires_after, sent_at,
    attempt, unsettled, lease_until, body)
VALUES (:task_id, :task_name, :state, :priority, :due, :expires, :expires_after, :sent_at,
    :attempt, :unsettled, :lease_until, :body)
"""
NO_TEXT = "CAST(x'ff28' AS TEXT)"
"""An expression for a text that is not UTF-8; a parameter can't be one."""
_numbers = count()

ROWS: dict[str, dict[str, Any]] = {
    "id is a BLOB": {"task_id": b"\xff\x00"},
    "name is a BLOB": {"task_name": b"\xff"},
    "id is not UTF-8": {"task_id": NO_TEXT},
    "name is not UTF-8": {"task_name": NO_TEXT},
    "body is not a message": {"body": b"\xff"},
    "body is a text": {"body": "no message"},
    "expires_after is a BLOB": {"expires_after": b"x"},
    "expires_after is infinite": {"expires_after": float("inf"), "expires": float("inf")},
    "expires is a BLOB": {"expires": b"x"},
    "expires is a text": {"expires": "soon"},
    "expired, and is not UTF-8": {"expires": 1.0, "expires_after": 1.0, "task_id": NO_TEXT},
    "expired after a text": {"expires": 1.0, "expires_after": "soon"},
    "priority is a text": {"priority": "high"},
    "priority is a BLOB": {"priority": b"\xff"},
    "due is a text": {"due": "now"},
    "delayed until a text": {"due": "soon", "state": 1},
    "delayed until a BLOB": {"due": b"\xff", "state": 1},
    "unsettled is a text": {"unsettled": NO_TEXT},
    "attempt is infinite": {"attempt": float("inf")},
    "attempt is a text": {"attempt": "many"},
    "leased until a text": {"lease_until": "soon", "state": 2},
    "leased for ever": {"lease_until": None, "state": 2},
}


def plant(path: Path, **columns: Any) -> None:
    """Insert one row; a column that is not named is as `send` would have it."""
    now = time.time()
    row: dict[str, Any] = {
        "task_id": f"planted-{next(_numbers)}",
        "task_name": "planted",
        "state": 0,
        "priority": 0,
        "due": now,
        "expires": None,
        "expires_after": None,
        "sent_at": now,
        "attempt": 0,
        "unsettled": 0,
        "lease_until": None,
        "body": b"planted",
    } | columns
    statement = INSERT
    for name, value in row.items():
        if value == NO_TEXT:
            statement = statement.replace(f":{name}", NO_TEXT)
    change(path, statement, row)


def change(path: Path, statement: str, parameters: Any = ()) -> None:
    """Run a statement in the file, as anybody can.

    Args:
        path: the file.
        statement: in SQL.
        parameters: of the statement.
    """
    connection = sqlite3.connect(path, timeout=10)
    with connection:
        connection.execute(statement, parameters)
    connection.close()


def planters(path: Path) -> dict[str, Callable[[], Awaitable[None]]]:
    """What inserts one such row, by its kind."""

    def planter(columns: dict[str, Any]) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await asyncio.to_thread(plant, path, **columns)

        return act

    return {kind: planter(columns) for kind, columns in ROWS.items()}
