"""Opening a database file, and what its errors mean."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from taskiq_sqlite.errors import DatabaseError, DatabaseFileError
from taskiq_sqlite.location import check_place
from taskiq_sqlite.schema import migrate

LEAST_VERSION: Final = (3, 33)
"""Of SQLite: UPDATE ... FROM."""
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
    """Open the file, or make it, with its newest schema.

    Raises:
        DatabaseFileError: it can't be used where it is, or as what it is.
        sqlite3.OperationalError: somebody has it locked; try again.
    """
    check_place(options.path, allow_network=options.allow_network)
    if not options.may_create and not options.path.exists():
        reason = "there is no such file, and a command creates none. Is the path misspelt?"
        raise DatabaseFileError(address=str(options.path), reason=reason)
    if sqlite3.sqlite_version_info < LEAST_VERSION:
        reason = f"Python has SQLite {sqlite3.sqlite_version}, 3.33 is needed"
        raise DatabaseFileError(address=str(options.path), reason=reason)
    # Waiting for locks is the writer's business: SQLite's own waits are up to 100 ms long.
    connection = sqlite3.connect(
        options.path, timeout=0, isolation_level=None, cached_statements=512
    )
    try:
        # Before the first table, or never.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {options.synchronous}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        migrate(connection, str(options.path))
    except BaseException:
        connection.close()
        raise
    return connection


def is_busy(error: BaseException) -> bool:
    """Whether somebody else has the file locked, so that trying again helps."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_out_of_room(error: BaseException) -> bool:
    """Whether a write failed for want of room, or for another reason that lies with the disk."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file is at a path; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_REASONS: Final = {
    sqlite3.SQLITE_READONLY: (
        "it is read-only for this user. The user needs to write the file, and its folder, where "
        "SQLite keeps the write-ahead log."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it can't be opened. Does this user have the right to write to its folder?"
    ),
    sqlite3.SQLITE_PERM: "this user has no right to open it",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database. Name another file.",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Restore it from a backup, or try sqlite3's `.recover`.",
    sqlite3.SQLITE_FULL: "the disk is full",
}


def explain(error: sqlite3.Error, path: Path) -> DatabaseError:
    """Our error for one of SQLite's."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    reason = _REASONS.get(code)
    if reason is None:
        return DatabaseError(address=str(path), reason=str(error) or type(error).__name__)
    cls = DatabaseError if code == sqlite3.SQLITE_FULL else DatabaseFileError
    return cls(address=str(path), reason=reason)
