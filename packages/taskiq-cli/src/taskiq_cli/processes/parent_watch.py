"""Ends a process whose supervisor is gone, even while its event loop hangs."""

import os
import threading
from collections.abc import Callable


class ParentWatch:
    """Watches, in a thread, the pipe that closes when the supervisor ends.

    Args:
        fd: the pipe; what the supervisor writes are lines of text.
        exit_code: the exit status of a process that has lost its supervisor.
    """

    def __init__(self, fd: int, exit_code: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._exit_code = exit_code
        self._on_lost: Callable[[], float] | None = None
        self._on_line: Callable[[str], object] | None = None
        self._lines: list[str] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="taskiq-parent-watch", daemon=True).start()

    def when_lost(self, on_lost: Callable[[], float]) -> None:
        """Call a function in the watching thread before the process ends.

        Args:
            on_lost: begins an orderly end and returns how many seconds it may take.
        """
        self._on_lost = on_lost

    def when_told(self, on_line: Callable[[str], object]) -> None:
        """Call a function with each line that the supervisor has written, and will write.

        Args:
            on_line: called in any thread, with the line, in order.
        """
        with self._lock:
            self._on_line = on_line
            for line in self._lines:
                on_line(line)
            self._lines.clear()

    def _watch(self) -> None:
        rest = b""
        while chunk := os.read(self._fd, 65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line.decode())
        if self._on_lost is not None:
            seconds = self._on_lost()
            threading.Event().wait(seconds)
        os._exit(self._exit_code)

    def _take(self, line: str) -> None:
        with self._lock:
            if self._on_line is None:
                self._lines.append(line)
            else:
                self._on_line(line)
