"""Ends a process whose supervisor is gone, even while its event loop hangs."""

import os
import threading
from collections.abc import Callable


class ParentWatch:
    """Watches, in a thread, the pipe that closes when the supervisor ends.

    Args:
        fd: the pipe; nothing is ever written to it.
        exit_code: the exit status of a process that has lost its supervisor.
    """

    def __init__(self, fd: int, exit_code: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._exit_code = exit_code
        self._on_lost: Callable[[], float] | None = None
        threading.Thread(target=self._watch, name="taskiq-parent-watch", daemon=True).start()

    def when_lost(self, on_lost: Callable[[], float]) -> None:
        """Call a function in the watching thread before the process ends.

        Args:
            on_lost: begins an orderly end and returns how many seconds it may take.
        """
        self._on_lost = on_lost

    def _watch(self) -> None:
        while os.read(self._fd, 1):
            pass
        if self._on_lost is not None:
            seconds = self._on_lost()
            threading.Event().wait(seconds)
        os._exit(self._exit_code)
