"""Presence: the records of workers, each until it ends."""

from collections.abc import Sequence

from pydantic import ValidationError

from taskiq_core.loggers import get_logger
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_redis.queue.store import CHUNK, QueueStore

logger = get_logger(__name__)


async def announce(store: QueueStore, record: WorkerRecord, *, ttl: float) -> None:
    """Keep the record of a worker, and forget records whose time is over.

    Args:
        store: has the queues of the worker.
        record: replaces an earlier one of the same worker.
        ttl: how long to keep it, in seconds.
    """
    await store.run("announce", record.worker_id, record.model_dump_json().encode(), ttl)


async def withdraw(store: QueueStore, worker_id: str) -> None:
    """Forget the record of a worker."""
    await store.run("withdraw", worker_id)


async def workers(store: QueueStore) -> Sequence[WorkerRecord]:
    """Return the records that have not ended, by worker id; unreadable ones are left out."""
    records: list[WorkerRecord] = []
    found: Sequence[bytes | None] = ()
    first = 0
    while first == 0 or len(found) == CHUNK:
        found = await store.run("workers", first, CHUNK)
        first += CHUNK
        for body in found:
            if body is None:
                continue
            try:
                records.append(WorkerRecord.model_validate_json(body))
            except ValidationError as error:  # as of a later version
                logger.warning("The record of a worker can't be read: %s", error)
    return sorted(records, key=lambda record: record.worker_id)
