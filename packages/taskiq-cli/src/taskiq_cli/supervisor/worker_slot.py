"""A place for one worker, and the worker process that has it now."""

from __future__ import annotations

from taskiq_cli.processes.child import Child
from taskiq_cli.processes.restart_backoff import RestartBackoff

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable

    from taskiq_cli.supervisor.worker_ids import WorkerIds

RUNNING = 0
"""The worker was not asked to stop."""
FINISHING = 1
"""The worker takes no more tasks, running ones go on."""
CANCELLING = 2
"""Running tasks are cancelled and given back."""
KILLED = 3
"""The worker was killed."""


class WorkerProcess(Child):
    """A worker process, and the statuses that it has sent.

    Args:
        number: of its slot.
        options: as `WorkerOptions.to_json` wrote them.
        now: the time of its start.
        ids: gives it an id.
        start: starts `taskiq_cli.worker` with descriptors and arguments, and returns its process
            id.

    Attributes:
        name: for logs, as in "worker-0".
        worker_id: unique among the workers of all machines.
        is_loaded: whether it has imported the application.
        is_recycled: whether it leaves because it has run as many tasks as it may.
        is_started: whether its broker is started.
        load_failure: why it can't import the application.
        start_failure: why it can't start, now and whenever it is tried again.
        stage: of its shutdown: `RUNNING`, `FINISHING`, `CANCELLING` or `KILLED`.
        deadline: when the next stage begins; None for never.
    """

    def __init__(
        self,
        number: int,
        options: str,
        now: float,
        ids: WorkerIds,
        start: Callable[[tuple[int, int], tuple[str, ...]], int],
    ) -> None:
        self.name = f"worker-{number}"
        self.worker_id = ids.next()
        arguments = (self.name, self.worker_id, ids.supervisor_id, options)
        super().__init__(lambda parent, status: start((parent, status), arguments))
        self.started_at = now
        self.is_loaded = False
        self.is_recycled = False
        self.is_started = False
        self.load_failure: str | None = None
        self.start_failure: str | None = None
        self.stage = RUNNING
        self.deadline: float | None = None
        self._reclaimed: list[str] = []

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"

    def read_statuses(self) -> None:
        """Take note of the statuses that came since the last call."""
        for status in self.statuses():
            event = status["event"]
            if event == "loaded":
                self.is_loaded = True
            elif event == "recycling":
                self.is_recycled = True
            elif event == "load_failed":
                self.load_failure = status["reason"]
            elif event == "started":
                self.is_started = True
            elif event == "start_failed":
                self.start_failure = status["reason"]
            elif event == "reclaimed":
                self._reclaimed.append(status["worker_id"])

    def take_reclaimed(self) -> list[str]:
        """Return the dead workers whose messages it has given back since the last call."""
        reclaimed, self._reclaimed = self._reclaimed, []
        return reclaimed


class WorkerSlot:
    """A place for one worker.

    Attributes:
        worker: the process that has it; None between two.
        start_at: when to start the next one; None where nothing is to be started.
        restarts_at_once: whether the next one is started as soon as this one has left.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.backoff = RestartBackoff()
        self.worker: WorkerProcess | None = None
        self.start_at: float | None = 0.0
        self.restarts_at_once = False
