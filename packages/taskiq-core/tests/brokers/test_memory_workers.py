"""MemoryWorkers: records that end by themselves."""

from datetime import UTC, datetime

from taskiq_core.brokers.memory_workers import MemoryWorkers
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState

NOW = datetime(2031, 2, 3, 4, 5, tzinfo=UTC)


def record(worker_id: str, pid: int = 1) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker_id,
        host="host",
        pid=pid,
        state=WorkerState.RUNNING,
        started_at=NOW,
        seen_at=NOW,
    )


def test_latest_records_are_listed_by_id() -> None:
    workers = MemoryWorkers()
    for each in (record("b"), record("a"), record("b", pid=2)):
        workers.announce(each, ttl=1000.0)

    assert workers.workers() == [record("a"), record("b", pid=2)]


def test_record_ends_unless_it_is_announced_again() -> None:
    now = 0.0
    workers = MemoryWorkers(lambda: now)
    for name in ("silent", "alive"):
        workers.announce(record(name), ttl=10.0)
    now = 9.0
    workers.announce(record("alive"), ttl=10.0)
    now = 10.0

    assert workers.workers() == [record("alive")]


def test_withdrawn_record_is_gone() -> None:
    workers = MemoryWorkers()
    workers.announce(record("gone"), ttl=1000.0)

    workers.withdraw("gone")
    workers.withdraw("gone")

    assert workers.workers() == []
