"""A child process with two pipes: each side notices when the other one is gone."""

from __future__ import annotations

import json
import os
import signal

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Child:
    """A process in a process group of its own.

    It gets two descriptors: the end of a pipe that closes when this process ends, and brings lines
    of text until then; and the end of a pipe for `StatusPipe`: JSON objects, one a line.

    Args:
        start: starts the process with these two descriptors, and returns its process id.

    Attributes:
        pid: of the process, and of its group.
        status_fd: can be read when there are statuses.
    """

    def __init__(self, start: Callable[[int, int], int]) -> None:
        parent_end, self._own_end = os.pipe()
        self.status_fd, status = os.pipe()
        self._statuses_ended = False
        self._buffer = b""
        try:
            self.pid = start(parent_end, status)
        except OSError:
            self.close()
            raise
        finally:
            os.close(parent_end)
            os.close(status)
        os.set_blocking(self.status_fd, False)
        os.set_blocking(self._own_end, False)

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

    def send_line(self, line: str) -> None:
        """Write a short line to the process; one that does not read any more misses it."""
        try:  # noqa: SIM105  # contextlib is not worth its memory in this process
            # Whole or not at all: it is shorter than PIPE_BUF.
            os.write(self._own_end, line.encode() + b"\n")
        except (BlockingIOError, BrokenPipeError):
            pass  # it is stopped, or gone

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
