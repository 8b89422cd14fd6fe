"""Records of workers in the reference broker's store, as texts in JSON."""

from taskiq_core.brokers.memory_workers import MemoryWorkers
from taskiq_core.messages.worker_record import WorkerRecord


class WorkerRecords:
    """What workers say of themselves."""

    def __init__(self) -> None:
        self.kept = MemoryWorkers()

    def announce(self, record: str, ttl: float) -> None:
        """Keep a record."""
        self.kept.announce(WorkerRecord.model_validate_json(record), ttl)

    def withdraw(self, worker_id: str) -> None:
        """Forget a record."""
        self.kept.withdraw(worker_id)

    def all(self) -> list[str]:
        """Return the records that have not ended."""
        return [each.model_dump_json() for each in self.kept.workers()]
