"""Durable broker, results and schedules in a PostgreSQL database."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_pgsql.broker import PostgresBroker
    from taskiq_pgsql.results import PostgresResultBackend
    from taskiq_pgsql.schedules import PostgresScheduleSource
    from taskiq_pgsql.storage.database import PostgresDatabase

__all__ = [
    "PostgresBroker",
    "PostgresDatabase",
    "PostgresResultBackend",
    "PostgresScheduleSource",
]
__version__ = "1.0.0"
_HOMES = {
    "PostgresBroker": "taskiq_pgsql.broker",
    "PostgresDatabase": "taskiq_pgsql.storage.database",
    "PostgresResultBackend": "taskiq_pgsql.results",
    "PostgresScheduleSource": "taskiq_pgsql.schedules",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
