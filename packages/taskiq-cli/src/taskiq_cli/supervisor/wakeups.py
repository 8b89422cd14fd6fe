"""The signals and pipes that wake the supervisor up, without polling."""

from __future__ import annotations

import os
import selectors
import signal

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Iterable


class Wakeups:
    """Waits for signals and for readable pipes.

    Args:
        signals: the signals to wait for; they are caught for the rest of the process's life.
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._selector = selectors.DefaultSelector()
        self._signal_pipe, writer = os.pipe()
        os.set_blocking(self._signal_pipe, False)
        os.set_blocking(writer, False)
        # The C handler writes the signal's number at once, even while Python code runs.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, lambda _number, _frame: None)
        self.watch(self._signal_pipe)

    def watch(self, fd: int) -> None:
        """Wake up when a pipe can be read, or was closed at its other end."""
        self._selector.register(fd, selectors.EVENT_READ)

    def forget(self, fd: int) -> None:
        """Stop waking up for a pipe; to be called before it is closed."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def wait(self, timeout: float | None) -> tuple[list[int], list[int]]:
        """Sleep until something happens.

        Args:
            timeout: at most so many seconds; None for no limit.

        Returns:
            The numbers of the signals that came, in order, and the pipes that can be read.
        """
        if timeout is not None and timeout < 0:
            timeout = 0
        ready = [key.fd for key, _events in self._selector.select(timeout)]
        signals: list[int] = []
        if self._signal_pipe in ready:
            ready.remove(self._signal_pipe)
            signals.extend(_drain(self._signal_pipe))
        return signals, ready


def _drain(pipe: int) -> bytes:
    numbers = b""
    while True:
        try:
            chunk = os.read(pipe, 4096)
        except BlockingIOError:
            return numbers
        numbers += chunk
