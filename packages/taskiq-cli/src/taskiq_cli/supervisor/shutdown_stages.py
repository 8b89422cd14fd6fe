"""The stages in which a worker is stopped: each with a deadline and a log line."""

from __future__ import annotations

from taskiq_cli.supervisor.worker_slot import CANCELLING, FINISHING, KILLED, RUNNING

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from taskiq_cli.processes.stderr_log import StderrLog
    from taskiq_cli.supervisor.worker_slot import WorkerProcess

GRACE = 2.0
"""Seconds that a stage may take longer than its own limit, before the next one."""


class StageDeadlines:
    """How long each stage may take.

    Args:
        wait_tasks_timeout: seconds that running tasks get to finish; None for no limit.
        shutdown_timeout: seconds that a worker's broker gets to shut down.
    """

    def __init__(self, wait_tasks_timeout: float | None, shutdown_timeout: float) -> None:
        self._wait_tasks_timeout = wait_tasks_timeout
        self.shutdown_timeout = shutdown_timeout

    def finish_deadline(self, now: float) -> float | None:
        """When workers that finish their tasks are asked to cancel them; None for never.

        Workers keep `wait_tasks_timeout` themselves and then shut down: this is for one that hangs.
        """
        if self._wait_tasks_timeout is None:
            return None
        return now + self._wait_tasks_timeout + self.shutdown_timeout + GRACE

    def reload_deadline(self, now: float) -> float:
        """`finish_deadline` for a reload, which always has a limit: the developer is waiting."""
        if self._wait_tasks_timeout is None:
            return now + self.shutdown_timeout
        return now + self._wait_tasks_timeout

    def cancel_deadline(self, now: float) -> float:
        """When workers that cancel their tasks are killed."""
        return now + self.shutdown_timeout + GRACE

    def describe_finish(self) -> str:
        """How long running tasks get, for a log line."""
        if self._wait_tasks_timeout is None:
            return "without a limit (another signal cancels them)"
        return f"up to {self._wait_tasks_timeout:g} s"


class ShutdownStages:
    """Moves workers from one stage to the next.

    Args:
        deadlines: how long each stage may take.
        log: gets a line for each stage.
    """

    def __init__(self, deadlines: StageDeadlines, log: StderrLog) -> None:
        self._deadlines = deadlines
        self._log = log

    def finish(self, worker: WorkerProcess, deadline: float | None) -> None:
        """Let a worker finish its running tasks; a worker that does so gets the new deadline."""
        if worker.stage == RUNNING:
            worker.stage = FINISHING
            worker.ask_to_leave()
        if worker.stage == FINISHING:
            worker.deadline = deadline

    def cancel(self, worker: WorkerProcess, now: float, why: str) -> None:
        """Have a worker cancel its running tasks, unless it does so already.

        Args:
            worker: the worker.
            now: the present, by `time.monotonic()`; its deadline is counted from there.
            why: for the log.
        """
        if worker.stage >= CANCELLING:
            return
        self._log.warning("%s cancels its running tasks and gives them back: %s", worker, why)
        worker.stage = CANCELLING
        worker.deadline = self._deadlines.cancel_deadline(now)
        worker.ask_to_hurry()

    def kill(self, worker: WorkerProcess, why: str) -> None:
        """Kill a worker and the processes that it has started."""
        if worker.stage == KILLED:
            return
        self._log.error("%s is killed: %s", worker, why)
        worker.stage = KILLED
        worker.deadline = None
        worker.kill_group()

    def escalate(self, worker: WorkerProcess, now: float) -> None:
        """Move a worker whose deadline has passed to the next stage."""
        if worker.stage < CANCELLING:
            self.cancel(worker, now, "its time is up")
        else:
            self.kill(worker, f"not gone {self._deadlines.shutdown_timeout:g} s later")
