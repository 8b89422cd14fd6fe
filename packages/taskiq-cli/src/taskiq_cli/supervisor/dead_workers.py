"""The workers that died, until a living one has given back what they held."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskiq_cli.supervisor.worker_slot import WorkerProcess

MAX_REMEMBERED = 1000
"""Dead workers at most, the latest ones; the messages of others wait for their leases."""


class DeadWorkers:
    """Ids of workers whose messages nobody has given back yet.

    The supervisor has no broker. Each living worker, and each new one, gets the ids; giving back
    twice does no harm.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []

    def add(self, worker_id: str, living: Iterable[WorkerProcess]) -> None:
        """Remember a dead worker, and tell the living ones."""
        self._ids = [*self._ids, worker_id][-MAX_REMEMBERED:]
        for worker in living:
            worker.send_line(worker_id)

    def send_all(self, worker: WorkerProcess) -> None:
        """Tell a new worker of the dead ones that are remembered."""
        for worker_id in self._ids:
            worker.send_line(worker_id)

    def forget(self, worker_ids: Iterable[str]) -> None:
        """Forget dead workers whose messages were given back."""
        for worker_id in worker_ids:
            if worker_id in self._ids:
                self._ids.remove(worker_id)
