"""A child process with two pipes: each side notices when the other one is gone."""

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

    Its command line gets two descriptors: the end of a pipe that closes when this process ends, and
    the end of a pipe for `StatusPipe`: JSON objects, one a line.

    Args:
        make_command: makes the command line from these two descriptors.

    Attributes:
        pid: of the process, and of its group.
        status_fd: can be read when there are statuses.
    """

    def __init__(self, make_command: Callable[[int, int], list[str]]) -> None:
        parent_end, self._own_end = os.pipe()
        self.status_fd, status = os.pipe()
        self._statuses_ended = False
        self._buffer = b""
        try:
            os.set_inheritable(parent_end, True)
            os.set_inheritable(status, True)
            self.pid = os.posix_spawn(
                sys.executable,
                make_command(parent_end, status),
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                # Ctrl-C in the terminal is for this process alone, and a kill takes grandchildren
                # along.
                setpgroup=0,
            )
        except OSError:
            self.close()
            raise
        finally:
            os.close(parent_end)
            os.close(status)
        os.set_blocking(self.status_fd, False)

    def statuses(self) -> list[dict[str, Any]]:
        """The statuses that came since the last call."""
        while True:
            try:
                chunk = os.read(self.status_fd, 65536)
            except BlockingIOError:
                break
            if not chunk:
                self._statuses_ended = True
                break
            self._buffer += chunk
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]

    @property
    def statuses_ended(self) -> bool:
        """Whether the child has closed its end."""
        return self._statuses_ended

    def ask_to_leave(self) -> None:
        """Ask the process to leave when its work is done."""
        self._signal(os.kill, signal.SIGTERM)

    def ask_to_hurry(self) -> None:
        """Ask a process that is leaving to cancel its work."""
        # Not SIGTERM: two pending signals of one number arrive as one.
        self._signal(os.kill, signal.SIGINT)

    def kill_group(self) -> None:
        """Kill the process, and the processes that it has started in its group."""
        self._signal(os.killpg, signal.SIGKILL)

    def close(self) -> None:
        """Close this process's ends of the pipes."""
        os.close(self._own_end)
        os.close(self.status_fd)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        try:  # noqa: SIM105  # contextlib is not worth its memory in this process
            send(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone already; macOS says EPERM of a group that holds only zombies
