"""WorkerRecords: what the workers of a client say of themselves."""

from collections.abc import Sequence

from taskiq_core.brokers.memory_workers import MemoryWorkers
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_zmq.client.peers import Peer


class WorkerRecords:
    """One record for each worker, which ends with the worker's connection at the latest."""

    def __init__(self) -> None:
        self._records = MemoryWorkers()
        self._announced: dict[Peer, str] = {}

    def announce(self, record: WorkerRecord, ttl: float, *, peer: Peer | None = None) -> None:
        """Keep a record, in place of the last one of its worker.

        Args:
            record: what the worker says of itself.
            ttl: seconds after which it ends.
            peer: the connection that it came over; it has one record, its last.
        """
        if peer is not None:
            if self._announced.get(peer, record.worker_id) != record.worker_id:
                self.leave(peer)
            self._announced[peer] = record.worker_id
        self._records.announce(record, ttl)

    def withdraw(self, worker_id: str) -> None:
        """Forget a record; does nothing if there is no such record."""
        self._records.withdraw(worker_id)

    def leave(self, peer: Peer) -> None:
        """Forget the record of a lost connection, unless its worker has announced itself again."""
        worker_id = self._announced.pop(peer, None)
        if worker_id is not None and worker_id not in self._announced.values():
            self._records.withdraw(worker_id)

    def list(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended, by worker id."""
        return self._records.workers()
