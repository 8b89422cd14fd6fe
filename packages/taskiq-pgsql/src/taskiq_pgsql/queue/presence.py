"""Presence: the records of workers, each until it ends."""

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from taskiq_core.loggers import get_logger
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_pgsql.storage.database import PostgresDatabase

logger = get_logger(__name__)

ANNOUNCE: Final = """
INSERT INTO {s}.workers (worker_id, expires, body)
VALUES ($1, statement_timestamp() + make_interval(secs => $2), $3)
ON CONFLICT (worker_id) DO UPDATE SET expires = excluded.expires, body = excluded.body
"""
FORGET_ENDED: Final = """
DELETE FROM {s}.workers WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.workers WHERE expires <= statement_timestamp()
    LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""
WITHDRAW: Final = "DELETE FROM {s}.workers WHERE worker_id = $1"
ALL: Final = "SELECT body FROM {s}.workers WHERE expires > statement_timestamp() ORDER BY worker_id"


async def announce(database: PostgresDatabase, record: WorkerRecord, *, ttl: float) -> None:
    """Keep the record of a worker, and forget ended ones.

    Args:
        database: keeps it.
        record: of the worker.
        ttl: seconds that it is kept.
    """
    await database.fetch(ANNOUNCE, record.worker_id, ttl, record.model_dump_json())
    await database.fetch(FORGET_ENDED)


async def withdraw(database: PostgresDatabase, worker_id: str) -> None:
    """Forget the record of a worker."""
    await database.fetch(WITHDRAW, worker_id)


async def workers(database: PostgresDatabase) -> Sequence[WorkerRecord]:
    """Return the records that have not ended, by worker id; unreadable ones are left out."""
    records: list[WorkerRecord] = []
    for row in await database.fetch(ALL):
        try:
            records.append(WorkerRecord.model_validate_json(row["body"]))
        except ValidationError as error:  # as of a later version
            logger.warning("The record of a worker can't be read: %s", error)
    return records
