"""The connection to a database file."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from taskiq_sqlite.errors import DatabaseFileError
from taskiq_sqlite.storage.location import check_place
from taskiq_sqlite.storage.schema import migrate

LEAST_VERSION: Final = (3, 33)
"""Lowest version of SQLite that has UPDATE ... FROM."""
INCREMENTAL: Final = 2
"""The mode of `auto_vacuum` in which free pages are returned when we ask for it."""
CACHE_KIB: Final = 16_000
CHECKPOINT_PAGES: Final = 2_000
WAL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes to which the write-ahead log is cut back after it had to grow beyond them."""

Synchronous = Literal["normal", "full"]


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """How to open a database; `Database` explains them."""

    path: Path
    synchronous: Synchronous
    busy_timeout: float
    allow_network: bool
    may_create: bool = True


def open_connection(options: DatabaseOptions) -> sqlite3.Connection:
    """Open the file, or create it, with its newest schema.

    Raises:
        DatabaseFileError: it can't be used in its place, or with its content.
        sqlite3.OperationalError: another connection has locked it; try again.
    """
    check_place(options.path, allow_network=options.allow_network)
    if not options.may_create and not options.path.exists():
        reason = "there is no such file, and a command creates none. Is the path misspelt?"
        raise DatabaseFileError(address=str(options.path), reason=reason)
    if sqlite3.sqlite_version_info < LEAST_VERSION:
        reason = f"Python has SQLite {sqlite3.sqlite_version}, 3.33 is needed"
        raise DatabaseFileError(address=str(options.path), reason=reason)
    # The writer waits for locks: SQLite's own waits are up to 100 ms long.
    connection = sqlite3.connect(
        options.path, timeout=0, isolation_level=None, cached_statements=512
    )
    try:
        # Before the first table, or never; setting it again would write to the log.
        if connection.execute("PRAGMA auto_vacuum").fetchone() != (INCREMENTAL,):
            connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {options.synchronous}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        migrate(connection, str(options.path))
        # A file that can't be written is refused now, by a statement that writes nothing.
        connection.execute("DELETE FROM fence WHERE 0")
    except BaseException:
        connection.close()
        raise
    return connection


def identity_of(path: str) -> tuple[int, int] | None:
    """Return the device and number of the file at a path; None if there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116  # after each transaction, in half the time of a Path's
    except OSError:
        return None
    return found.st_dev, found.st_ino
