"""Durable broker, results and schedules in one SQLite file."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_sqlite.broker import SQLiteBroker
    from taskiq_sqlite.errors import (
        DatabaseBusyError,
        DatabaseError,
        DatabaseFileError,
        DuplicateKeyError,
        MessageTooLargeError,
        ResultMissingError,
        SchemaVersionError,
    )
    from taskiq_sqlite.results import SQLiteResultBackend
    from taskiq_sqlite.schedules import SQLiteScheduleSource
    from taskiq_sqlite.storage.database import Database

__all__ = [
    "Database",
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseFileError",
    "DuplicateKeyError",
    "MessageTooLargeError",
    "ResultMissingError",
    "SQLiteBroker",
    "SQLiteResultBackend",
    "SQLiteScheduleSource",
    "SchemaVersionError",
]
__version__ = "1.0.0"
_HOMES = {
    "Database": "taskiq_sqlite.storage.database",
    "DatabaseBusyError": "taskiq_sqlite.errors",
    "DatabaseError": "taskiq_sqlite.errors",
    "DatabaseFileError": "taskiq_sqlite.errors",
    "DuplicateKeyError": "taskiq_sqlite.errors",
    "MessageTooLargeError": "taskiq_sqlite.errors",
    "ResultMissingError": "taskiq_sqlite.errors",
    "SQLiteBroker": "taskiq_sqlite.broker",
    "SQLiteResultBackend": "taskiq_sqlite.results",
    "SQLiteScheduleSource": "taskiq_sqlite.schedules",
    "SchemaVersionError": "taskiq_sqlite.errors",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
