"""Why a running task is to end, for the task itself to ask."""

import threading

from taskiq_core.exceptions import TaskiqError


class Cancellation:
    """Tells a running task that it is to end, in whichever thread it runs.

    A coroutine is cancelled as well, and its `except CancelledError` finds the reason here. A plain
    function in a thread can't be stopped: it has to ask from time to time.

    Attributes:
        reason: `TaskAbortedError`, `TaskTimeoutError`, `LeaseLostError` or `WorkerShutdownError`;
            None while nobody wants the task to end.
    """

    __slots__ = ("_event", "reason")

    def __init__(self) -> None:
        self.reason: TaskiqError | None = None
        self._event: threading.Event | None = None  # few tasks ask, so few have one

    @property
    def is_requested(self) -> bool:
        """Whether the task is to end."""
        return self.reason is not None

    def raise_if_requested(self) -> None:
        """Raise the reason, if the task is to end."""
        if self.reason is not None:
            raise self.reason

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the task is to end; for plain functions, instead of `time.sleep`.

        Args:
            timeout: seconds to wait at most; None for no limit.

        Returns:
            Whether it is to end.
        """
        event = self._event = self._event or threading.Event()
        # `set` writes the reason before it looks for the event: one of the two sees the other's.
        if self.reason is not None:
            return True
        return event.wait(timeout)

    def request(self, reason: TaskiqError) -> None:
        """Ask the task to end; the first reason stands."""
        if self.reason is None:
            self.reason = reason
            if self._event is not None:
                self._event.set()
