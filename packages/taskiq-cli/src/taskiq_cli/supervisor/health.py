"""The process that answers probes for `--health`, as the supervisor sees it."""

from __future__ import annotations

import os
import time

from taskiq_cli.interpreter import command
from taskiq_cli.supervisor.backoff import RestartBackoff
from taskiq_cli.supervisor.child import Child
from taskiq_cli.supervisor.exits import describe_exit

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from taskiq_cli.supervisor.line_log import LineLog
    from taskiq_cli.supervisor.settings import SupervisorSettings


class HealthProcess(Child):
    """Answers probes in a process of its own, which reads what the workers write down.

    Args:
        started_at: when the supervisor began, in UTC.
        options: as `WorkerOptions.to_json` wrote them.
    """

    def __init__(self, started_at: str, options: str) -> None:
        super().__init__(
            lambda lifeline, report: command(
                "taskiq_cli.health", str(lifeline), str(report), started_at, options
            )
        )


class HealthService:
    """Keeps that process running where there is an address to answer at.

    Args:
        settings: say whether there is.
        log: where it is told that the process has ended.

    Attributes:
        start_at: when to start the next process; None where nothing is to be started.
    """

    def __init__(self, settings: SupervisorSettings, log: LineLog) -> None:
        self.start_at: float | None = 0.0 if settings.health else None
        self._options = settings.text
        self._log = log
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        self._backoff = RestartBackoff()
        self._process: HealthProcess | None = None
        self._process_started_at = 0.0

    def start_if_due(self, now: float) -> None:
        """Start the process if its time has come."""
        if self.start_at is None or self.start_at > now:
            return
        self.start_at = None
        self._process_started_at = now
        try:
            self._process = HealthProcess(self._started_at, self._options)
        except OSError as error:
            self.start_at = now + max(1.0, self._backoff.delay(0))
            self._log.error("Health can't be served: %s; trying again", error)

    def has_ended(self, pid: int, code: int) -> bool:
        """Whether the process that ended was this one; then it will be started again."""
        if self._process is None or self._process.pid != pid:
            return False
        self._process.close()
        self._process = None
        now = time.monotonic()
        delay = self._backoff.delay(now - self._process_started_at)
        self.start_at = now + delay
        self._log.error("The health server %s, it is started again", describe_exit(code))
        return True

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill_group()
            os.waitpid(self._process.pid, 0)
            self._process.close()
