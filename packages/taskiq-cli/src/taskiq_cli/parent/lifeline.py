"""Notices that the supervisor is gone, even while the event loop hangs."""

import os
import threading
from collections.abc import Callable


class Lifeline:
    """Watches the pipe that closes when the supervisor ends, whatever the reason.

    Args:
        fd: of the pipe; nothing is ever written to it.
        exit_code: of a process that has lost its supervisor.
    """

    def __init__(self, fd: int, exit_code: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._exit_code = exit_code
        self._on_lost: Callable[[], float] | None = None
        threading.Thread(target=self._watch, name="taskiq-lifeline", daemon=True).start()

    def when_lost(self, on_lost: Callable[[], float]) -> None:
        """Have a function called, in a thread of its own, before the process ends.

        Args:
            on_lost: begins an orderly end, and returns how many seconds it may take.
        """
        self._on_lost = on_lost

    def _watch(self) -> None:
        while os.read(self._fd, 1):
            pass
        if self._on_lost is not None:
            seconds = self._on_lost()
            threading.Event().wait(seconds)
        os._exit(self._exit_code)
