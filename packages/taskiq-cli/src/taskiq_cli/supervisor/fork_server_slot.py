"""A place for the fork server, which is started again when it ends."""

from __future__ import annotations

import time

from taskiq_cli.processes.child import Child
from taskiq_cli.processes.exit_status import describe_exit
from taskiq_cli.processes.restart_backoff import RestartBackoff
from taskiq_cli.processes.spawn import spawn_python

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    import socket

    from taskiq_cli.processes.stderr_log import StderrLog
    from taskiq_cli.supervisor.wakeups import Wakeups

START_LIMIT = 30.0
"""Seconds that workers wait for a new fork server, before they are started without it."""
REPLY_LIMIT = 5.0
"""Seconds that the fork server has to fork a worker."""


class ForkServerLostError(OSError):
    """The fork server has ended, or does not reply."""


class ForkServerProcess(Child):
    """A process that has imported what workers need, and forks them on request.

    Attributes:
        started_at: when it was started.
        is_ready: whether it can fork workers.
        failure: why it never will.
        skipped: why it has not imported some modules, as far as that is not logged yet.
    """

    def __init__(self, now: float) -> None:
        from taskiq_cli.fork_server.channel import channel_pair

        self.started_at = now
        self.is_ready = False
        self.failure: str | None = None
        self.skipped: list[str] = []
        self._channel, other_end = channel_pair()
        self._channel.settimeout(REPLY_LIMIT)
        with other_end:
            try:
                super().__init__(lambda parent, status: _spawn(parent, status, other_end))
            except OSError:
                self._channel.close()
                raise

    def read_statuses(self) -> None:
        """Take note of the statuses that came since the last call."""
        for status in self.statuses():
            if status["event"] == "started":
                self.is_ready = True
            elif status["event"] == "skipped":
                self.skipped.append(status["reason"])
            elif status["event"] == "start_failed":
                self.failure = status["reason"]

    def fork(self, descriptors: tuple[int, int], arguments: tuple[str, ...]) -> int:
        """Fork a worker, which becomes a child of this process.

        Raises:
            ForkServerLostError: the fork server has ended, or does not reply.
            OSError: it can't fork.
        """
        from taskiq_cli.fork_server.channel import receive_message, send_message

        try:
            send_message(self._channel, {"arguments": arguments}, descriptors)
            received = receive_message(self._channel)
        except OSError as error:
            raise ForkServerLostError(str(error)) from error
        if received is None:
            raise ForkServerLostError("it has ended")
        reply, _descriptors = received
        if "pid" in reply:
            return int(reply["pid"])
        raise OSError(reply["errno"], reply["error"])

    def close(self) -> None:
        """Close this process's ends; the fork server ends when it notices."""
        super().close()
        self._channel.close()


def _spawn(parent: int, status: int, channel: socket.socket) -> int:
    return spawn_python("taskiq_cli.fork_server", (parent, status, channel.fileno()))


class ForkServerSlot:
    """A place for the fork server, and the way around it while there is none.

    Args:
        log: gets a line when the process has ended.
        wakeups: wakes up for its statuses.
        is_wanted: whether workers are forked; else each is a new Python.
    """

    def __init__(self, log: StderrLog, wakeups: Wakeups, *, is_wanted: bool) -> None:
        self._log = log
        self._wakeups = wakeups
        self._is_wanted = is_wanted
        self._start_at: float | None = 0.0 if is_wanted else None
        self._backoff = RestartBackoff()
        self._process: ForkServerProcess | None = None

    def next_time(self, now: float) -> float | None:
        """When something is due; None for never."""
        if self._process is not None and self.is_starting(now):
            return self._process.started_at + START_LIMIT
        return self._start_at

    def start_if_due(self, now: float) -> None:
        """Start the process if its time has come."""
        if self._start_at is None or self._start_at > now:
            return
        self._start_at = None
        try:
            self._process = ForkServerProcess(now)
        except OSError as error:
            self._start_at = now + max(1.0, self._backoff.delay(0))
            self._log.error("The fork server can't be started: %s; trying again", error)
        else:
            self._wakeups.watch(self._process.status_fd)

    def is_starting(self, now: float) -> bool:
        """Whether workers should wait for the process."""
        process = self._process
        return (
            process is not None and not process.is_ready and now < process.started_at + START_LIMIT
        )

    def start_worker(self, descriptors: tuple[int, int], arguments: tuple[str, ...]) -> int:
        """Fork a worker, or start it as a new Python while there is no fork server.

        Returns:
            Its process id.

        Raises:
            ForkServerLostError: the fork server has ended, or does not reply; it is killed.
            OSError: the worker can't be started.
        """
        if self._process is None or not self._process.is_ready:
            return spawn_python("taskiq_cli.worker", descriptors, *arguments)
        try:
            return self._process.fork(descriptors, arguments)
        except ForkServerLostError:
            self._process.is_ready = False
            self._process.kill_group()  # its end is noticed, and it is started again
            raise

    def read_statuses(self) -> None:
        """Take note of what the process says."""
        process = self._process
        if process is None:
            return
        process.read_statuses()
        if process.statuses_ended:
            self._wakeups.forget(process.status_fd)
        while process.skipped:
            self._log.debug("The fork server leaves out %s", process.skipped.pop(0))
        if process.failure is not None:
            self._log.warning("Workers are started without a fork server: %s", process.failure)
            self._discard()

    def has_ended(self, pid: int, code: int) -> bool:
        """Whether the process that ended was the fork server; if so, plan its restart."""
        if self._process is None or self._process.pid != pid:
            return False
        now = time.monotonic()
        delay = self._backoff.delay(now - self._process.started_at)
        self._start_at = now + delay
        self._discard()
        self._log.error(
            "The fork server (%d) %s, it is started again; its workers go on",
            pid,
            describe_exit(code),
        )
        return True

    def restart(self) -> None:
        """Replace the process: what it has imported may have changed."""
        if self._is_wanted:
            self._discard()
            self._backoff.reset()
            self._start_at = 0.0

    def stop(self) -> None:
        """End the process: no more workers are started."""
        self._start_at = None
        self._discard()

    def _discard(self) -> None:
        if self._process is not None:
            self._wakeups.forget(self._process.status_fd)
            self._process.kill_group()  # it is reaped as a child that nobody knows
            self._process.close()
            self._process = None
