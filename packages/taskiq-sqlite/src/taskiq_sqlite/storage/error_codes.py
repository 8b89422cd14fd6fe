"""SQLite's error codes: what they mean for a caller."""

import sqlite3
from pathlib import Path
from typing import Final

from taskiq_core.exceptions import reason_of
from taskiq_sqlite.errors import DatabaseError, DatabaseFileError

_REASONS: Final = {
    sqlite3.SQLITE_READONLY: (
        "it is read-only for this user. The user needs to write the file, and its folder, where "
        "SQLite keeps the write-ahead log."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it can't be opened. Does this user have the right to write to its folder?"
    ),
    sqlite3.SQLITE_PERM: "this user has no right to open it",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database. Name another file.",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Restore it from a backup, or try sqlite3's `.recover`.",
    sqlite3.SQLITE_FULL: "the disk is full",
}


def is_busy(error: BaseException) -> bool:
    """Return whether another connection has locked the file, so that trying again helps."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_disk_failure(error: BaseException) -> bool:
    """Return whether a write failed because the disk is full, or could not write."""
    return _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def database_error(error: sqlite3.Error, path: Path) -> DatabaseError:
    """Return our error for one of SQLite's."""
    code = _code(error)
    reason = _REASONS.get(code)
    if reason is None:
        return DatabaseError(address=str(path), reason=reason_of(error))
    cls = DatabaseError if code == sqlite3.SQLITE_FULL else DatabaseFileError
    return cls(address=str(path), reason=reason)


def _code(error: BaseException) -> int:
    """Return the primary code of an error; its high bytes say more than is needed here."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
