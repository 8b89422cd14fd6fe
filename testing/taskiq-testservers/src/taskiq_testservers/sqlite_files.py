"""Files of SQLite, opened and looked into, and results to store in them."""

import sqlite3
from pathlib import Path
from typing import Any

from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite import Database


async def open_and_close(path: Path, **options: Any) -> None:
    """Open a file as a broker does, with options of `Database`."""
    database = Database(path, **options)
    try:
        await database.open()
    finally:
        await database.close()


def query(path: Path, sql: str) -> Any:
    """Return the first column of the first row of a query."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def result(value: Any, fence: int | None = None, **fields: Any) -> TaskiqResult[Any]:
    """Make the result of the delivery with a fence."""
    labels = {} if fence is None else {FENCE: fence}
    return TaskiqResult(
        is_err=False, return_value=value, execution_time=0.5, labels=labels, **fields
    )
