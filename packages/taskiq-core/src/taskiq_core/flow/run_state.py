"""One delivery on its way through a worker, and how its task is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any

from taskiq_core.exceptions import (
    LeaseLostError,
    TaskAbortedError,
    TaskiqError,
    TaskTimeoutError,
)
from taskiq_core.messages.acks import AckController
from taskiq_core.messages.cancellation import Cancellation
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult


def is_asyncio_task_cancelled() -> bool:
    """Return whether the asyncio task that runs was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Run(AckController):
    """What the worker knows of a delivery that it has begun.

    Tasks see it as the controller of their acknowledgement.

    Args:
        ack: acknowledges the delivery; None for brokers that want no acknowledgement.
        is_ending: whether the owner of the asyncio task in which this runs wants that to end. By
            default it belongs to the program, and cancellation ends it.
        is_delivered: whether there is a delivery, which a receiver settles; not for a program that
            calls `run_task`.
        can_release: whether that delivery can be released.
        raise_err: whether exceptions of middlewares and of the result backend leave the receiver.

    Attributes:
        message: what was delivered; None until it has been read.
        cancellation: tells the task that it is to end.
        abandoned: the call of a plain function whose result is decided, but whose thread goes on.
        is_ending: whether this is cancelled from outside; anything else is the task's own doing.
        started: when the run began, by `time.monotonic`.
        error: what the task raised, before the `on_error` hooks; None if it did not.
        result: of the task, as the hooks have left it; None until the task has ended.
        asyncio_task: in which the delivery is handled; None for a run without one.
    """

    __slots__ = (
        "_is_cancelled",
        "_task",
        "abandoned",
        "asyncio_task",
        "can_release",
        "cancellation",
        "error",
        "is_delivered",
        "is_ending",
        "message",
        "raise_err",
        "result",
        "started",
    )

    def __init__(
        self,
        ack: Callable[[], Awaitable[None] | None] | None = None,
        *,
        is_ending: Callable[[], bool] = is_asyncio_task_cancelled,
        is_delivered: bool = False,
        can_release: bool = False,
        raise_err: bool = False,
    ) -> None:
        super().__init__(ack)
        self.is_ending = is_ending
        self.is_delivered = is_delivered
        self.can_release = can_release
        self.raise_err = raise_err
        self.message: TaskiqMessage | None = None
        self.cancellation = Cancellation()
        self.abandoned: Future[Any] | None = None
        self.started = monotonic()
        self.error: BaseException | None = None
        self.result: TaskiqResult[Any] | None = None
        self.asyncio_task: asyncio.Task[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    @property
    def has_lost_lease(self) -> bool:
        """Whether the task was stopped because its message belongs to another worker."""
        return isinstance(self.cancellation.reason, LeaseLostError)

    def open(self) -> asyncio.Task[Any] | None:
        """Let the task be stopped from here on; raises the reason if it is to end already.

        Returns:
            The asyncio task in which it runs.
        """
        if self.cancellation.reason is not None:
            raise self.cancellation.reason
        self._task = task = asyncio.current_task()
        return task

    def stop(self, reason: TaskiqError) -> None:
        """Have the task end; a task that is not open is not disturbed, it finds out by itself."""
        self.cancellation.request(reason)
        if self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    def reason_for(self, cancelled: asyncio.CancelledError) -> BaseException:
        """What a cancellation means: the reason of `stop`, or itself if it came from elsewhere."""
        reason = self.cancellation.reason
        if reason is None or not self._take_back_cancellation():
            return cancelled
        if self.abandoned is not None and isinstance(reason, TaskAbortedError | TaskTimeoutError):
            reason.remark = "; its thread can't be stopped and goes on, abandoned"
        return reason

    def close(self) -> None:
        """The task has ended by itself: from here on it can't be stopped."""
        if self._is_cancelled:
            self._take_back_cancellation()
        self._task = None

    async def drop_own_cancellation(self) -> None:
        """Take back a cancellation that the task left behind, so that it hits nothing else.

        Raises:
            asyncio.CancelledError: it came from outside.
        """
        task = asyncio.current_task()
        if task is None or not task.cancelling() or self.is_ending():
            return
        while task.uncancel():
            pass
        try:
            # Before Python 3.13 `uncancel` leaves one behind that has not been raised yet.
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            if self.is_ending():
                raise

    def _take_back_cancellation(self) -> bool:
        """Whether it was `stop`, and nobody outside, that cancelled the asyncio task."""
        task = self._task
        if task is None or not self._is_cancelled:
            return False
        self._is_cancelled = False
        return task.uncancel() == 0 or not self.is_ending()
