"""MemoryWorkers: the records of workers, in this process."""

from collections.abc import Callable, Sequence
from time import monotonic

from taskiq_core.messages.worker_record import WorkerRecord


class MemoryWorkers:
    """What a `WorkerRegistry` keeps, for brokers that live in one process.

    Args:
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._records: dict[str, tuple[WorkerRecord, float]] = {}

    def announce(self, record: WorkerRecord, ttl: float) -> None:
        """Keep a record for `ttl` seconds, in place of the last one of its worker."""
        self._records[record.worker_id] = (record, self._clock() + ttl)

    def withdraw(self, worker_id: str) -> None:
        """Forget a record; does nothing if there is no such record."""
        self._records.pop(worker_id, None)

    def workers(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended, by worker id."""
        now = self._clock()
        self._records = {name: each for name, each in self._records.items() if each[1] > now}
        return [self._records[name][0] for name in sorted(self._records)]
