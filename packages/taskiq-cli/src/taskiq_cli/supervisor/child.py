"""A child process: started with two pipes, which tell each side that the other is alive."""

from __future__ import annotations

import json
import os
import signal
import sys

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Child:
    """A process in a process group of its own.

    It gets two numbers: the end of a pipe that is closed when we are gone, whatever the reason, and
    the end of a pipe that it writes reports to, JSON objects, one a line.

    Args:
        command: makes the command line from the numbers of the two pipes.

    Attributes:
        pid: of the process, and of its group.
        reports_fd: can be read when there are reports.
    """

    def __init__(self, command: Callable[[int, int], list[str]]) -> None:
        lifeline, self._lifeline_end = os.pipe()
        self.reports_fd, report = os.pipe()
        self._reports_ended = False
        self._buffer = b""
        try:
            os.set_inheritable(lifeline, True)
            os.set_inheritable(report, True)
            self.pid = os.posix_spawn(
                sys.executable,
                command(lifeline, report),
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                # A Ctrl-C in the terminal is for us alone, and a kill takes grandchildren along.
                setpgroup=0,
            )
        except OSError:
            self.close()
            raise
        finally:
            os.close(lifeline)
            os.close(report)
        os.set_blocking(self.reports_fd, False)

    def reports(self) -> list[dict[str, Any]]:
        """The reports that came since the last call."""
        while True:
            try:
                chunk = os.read(self.reports_fd, 65536)
            except BlockingIOError:
                break
            if not chunk:
                self._reports_ended = True
                break
            self._buffer += chunk
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]

    @property
    def reports_ended(self) -> bool:
        """Whether there will be no more reports."""
        return self._reports_ended

    def ask_to_leave(self) -> None:
        """Ask the process to leave when its work is done."""
        self._signal(os.kill, signal.SIGTERM)

    def ask_to_hurry(self) -> None:
        """Ask a process that is leaving to cancel its work."""
        # Not SIGTERM: two of the same that are pending at once arrive as one.
        self._signal(os.kill, signal.SIGINT)

    def kill_group(self) -> None:
        """Kill the process and those that it has started."""
        self._signal(os.killpg, signal.SIGKILL)

    def close(self) -> None:
        """Close our ends of the pipes."""
        os.close(self._lifeline_end)
        os.close(self.reports_fd)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        try:  # noqa: SIM105  # contextlib is not worth its memory in this process
            send(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone already; macOS says EPERM of a group that holds only zombies
