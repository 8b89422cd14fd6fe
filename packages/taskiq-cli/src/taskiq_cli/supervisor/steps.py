"""One worker's way down the ladder: each step is told once, and has a deadline."""

from __future__ import annotations

from taskiq_cli.supervisor.ladder import CANCELLING, FINISHING, KILLED, RUNNING

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from taskiq_cli.supervisor.ladder import Ladder
    from taskiq_cli.supervisor.line_log import LineLog
    from taskiq_cli.supervisor.slot import WorkerProcess


class Steps:
    """Moves workers from one stage to the next.

    Args:
        ladder: how long each stage may take.
        log: where every step is told.
    """

    def __init__(self, ladder: Ladder, log: LineLog) -> None:
        self._ladder = ladder
        self._log = log

    def finish(self, worker: WorkerProcess, deadline: float | None) -> None:
        """Let it finish its running tasks, until this deadline; also if it does so already."""
        if worker.stage == RUNNING:
            worker.stage = FINISHING
            worker.ask_to_leave()
        if worker.stage == FINISHING:
            worker.deadline = deadline

    def cancel(self, worker: WorkerProcess, now: float, why: str) -> None:
        """Have it cancel its running tasks, unless it does so already."""
        if worker.stage >= CANCELLING:
            return
        self._log.warning("%s cancels its running tasks and gives them back: %s", worker, why)
        worker.stage = CANCELLING
        worker.deadline = self._ladder.cancel_deadline(now)
        worker.ask_to_hurry()

    def kill(self, worker: WorkerProcess, why: str) -> None:
        """Kill it, and what it has started."""
        if worker.stage == KILLED:
            return
        self._log.error("%s is killed: %s", worker, why)
        worker.stage = KILLED
        worker.deadline = None
        worker.kill_group()

    def escalate(self, worker: WorkerProcess, now: float) -> None:
        """Its deadline has passed: the next step."""
        if worker.stage < CANCELLING:
            self.cancel(worker, now, "its time is up")
        else:
            self.kill(worker, f"not gone {self._ladder.shutdown_timeout:g} s later")
