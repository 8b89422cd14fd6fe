"""The steps by which a worker is stopped, each with a deadline."""

from __future__ import annotations

RUNNING = 0
"""Nobody asked it to stop."""
FINISHING = 1
"""It takes no more tasks, running ones go on."""
CANCELLING = 2
"""Running tasks are cancelled and given back."""
KILLED = 3
"""It was killed."""

GRACE = 2.0
"""Seconds that a step may take longer than its own limit, before the next one."""


class Ladder:
    """How long each step may take.

    Args:
        wait_tasks_timeout: seconds that running tasks get to finish; None for no limit.
        shutdown_timeout: seconds that a worker's broker gets to shut down.
    """

    def __init__(self, wait_tasks_timeout: float | None, shutdown_timeout: float) -> None:
        self._wait_tasks_timeout = wait_tasks_timeout
        self.shutdown_timeout = shutdown_timeout

    def finish_deadline(self, now: float) -> float | None:
        """When workers that finish their tasks are told to cancel them; None for never.

        Workers keep `wait_tasks_timeout` themselves and then shut down: this is for one that hangs.
        """
        if self._wait_tasks_timeout is None:
            return None
        return now + self._wait_tasks_timeout + self.shutdown_timeout + GRACE

    def reload_deadline(self, now: float) -> float:
        """The same where somebody waits for the new code: never without a limit."""
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
