"""The process of the health server, which the supervisor starts and restarts."""

from __future__ import annotations

import os
import time

from taskiq_cli.processes.child import Child
from taskiq_cli.processes.exit_status import describe_exit
from taskiq_cli.processes.restart_backoff import RestartBackoff
from taskiq_cli.processes.spawn import spawn_python

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from taskiq_cli.processes.stderr_log import StderrLog


class HealthServerProcess(Child):
    """A process that answers probes; it reads the state files of the workers.

    Args:
        started_at: when the supervisor began, in UTC.
        options: as `WorkerOptions.to_json` wrote them.
    """

    def __init__(self, started_at: str, options: str) -> None:
        super().__init__(
            lambda parent, status: spawn_python(
                "taskiq_cli.health", (parent, status), started_at, options
            )
        )


class HealthServerSlot:
    """A place for the health server, which is started again when it ends.

    Args:
        options: as `WorkerOptions.to_json` wrote them.
        log: gets a line when the process has ended.
        is_wanted: whether the workers were started with `--health`.

    Attributes:
        start_at: when to start the next process; None where nothing is to be started.
    """

    def __init__(self, options: str, log: StderrLog, *, is_wanted: bool) -> None:
        self.start_at: float | None = 0.0 if is_wanted else None
        self._options = options
        self._log = log
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        self._backoff = RestartBackoff()
        self._process: HealthServerProcess | None = None
        self._process_started_at = 0.0

    def start_if_due(self, now: float) -> None:
        """Start the process if its time has come."""
        if self.start_at is None or self.start_at > now:
            return
        self.start_at = None
        self._process_started_at = now
        try:
            self._process = HealthServerProcess(self._started_at, self._options)
        except OSError as error:
            self.start_at = now + max(1.0, self._backoff.delay(0))
            self._log.error("Health can't be served: %s; trying again", error)

    def has_ended(self, pid: int, code: int) -> bool:
        """Whether the process that ended was the health server; if so, plan its restart."""
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
        """Kill the process."""
        if self._process is not None:
            self._process.kill_group()
            os.waitpid(self._process.pid, 0)
            self._process.close()
