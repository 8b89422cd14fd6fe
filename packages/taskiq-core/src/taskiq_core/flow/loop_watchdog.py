"""Watches the event loop from a thread: names the task that blocks it, and keeps its leases."""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from taskiq_core.abc.broker import AbstractBroker, LeaseRenewer
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery

logger = get_logger(__name__)

WARN_AFTER: Final = 1.0
"""Seconds that the event loop is blocked before a warning names the task."""
MAX_BLOCK: Final = 600.0
"""Default of `max_block`, in seconds."""
SHARES: Final = 6
"""The event loop is looked at so often in the time of the shortest lease."""
FRAMES: Final = 8
"""Lines of the stack that a warning shows."""
CURE: Final = (
    "Meanwhile no other task of this worker goes on. Await what it waits for, use "
    "`await asyncio.to_thread(...)`, or declare the task with `def`: it then runs in a thread."
)


class LoopWatchdog:
    """Notices that an event loop is blocked.

    A loop that answers within its interval costs one wake-up of a thread, and one callback if
    deliveries are held. A loop that does not answer can't renew leases: other workers would run its
    tasks again. So the thread renews them, in an event loop of its own, until the loop goes on, or
    has been blocked for longer than `max_block`.

    Args:
        broker: whose leases to renew.
        held: returns the deliveries whose leases to renew; called in the thread.
        is_busy: whether the loop has anything to do that could block it; called in the thread.
        name_of: returns the name of the task that runs in an asyncio task; called in the thread.
        max_block: becomes the attribute.

    Attributes:
        max_block: seconds for which leases are renewed while the event loop is blocked.
    """

    def __init__(
        self,
        broker: AbstractBroker,
        *,
        held: Callable[[], Sequence[Delivery]],
        is_busy: Callable[[], bool],
        name_of: Callable[["asyncio.Task[Any] | None"], str],
        max_block: float = MAX_BLOCK,
    ) -> None:
        self.max_block = max_block
        self._broker = broker
        self._held = held
        self._is_busy = is_busy
        self._name_of = name_of
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self._renewed_at = 0.0
        # Brokers reclaim at least twice in the time of a lease; a shorter one is found out.
        self._shortest = min(SHARES * WARN_AFTER, 2 * broker.reclaim_interval)

    @contextmanager
    def watching(self) -> Generator[None, None, None]:
        """Watch the running event loop; no thread is left at the end."""
        self._stopped.clear()
        arguments = (asyncio.get_running_loop(), threading.get_ident())
        thread = threading.Thread(
            target=self._watch, args=arguments, name="taskiq-watchdog", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._answered.set()
            thread.join()

    # -- in the thread ------------------------------------------------------------------------

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        while not self._stopped.wait(self._interval()):
            if not self._is_busy():
                continue
            self._answered.clear()
            try:
                loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # it is closed
                return
            if not self._wait_answer():
                self._attend(loop, thread_id)

    def _wait_answer(self) -> bool:
        return self._answered.wait(self._interval()) or self._stopped.is_set()

    def _interval(self) -> float:
        # Also while nothing is held: the next delivery may block at once.
        leases = [each.lease for each in self._held() if each.lease is not None]
        self._shortest = min(self._shortest, *leases) if leases else self._shortest
        return self._shortest / SHARES

    def _attend(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        """Renew leases, and say what blocks the event loop, until it goes on."""
        blocked, looked_at = self._interval(), monotonic()
        name = ""
        is_given_up = False
        while True:
            if not name and blocked >= WARN_AFTER:
                name = self._name_of(asyncio.current_task(loop))
                self._log_stack(logging.WARNING, f"{name} blocks the event loop. {CURE}", thread_id)
            if blocked < self.max_block:
                self._renew_in_time()
            elif not is_given_up:
                is_given_up = True
                text = (
                    f"{name} has blocked the event loop for {blocked:.0f} s: leases are not "
                    "renewed any more, other workers get the messages (--max-block)."
                )
                self._log_stack(logging.ERROR, text, thread_id)
            if self._wait_answer():
                break
            # A process that was stopped, or a machine that slept, has not blocked its loop.
            now = monotonic()
            blocked += min(now - looked_at, 2 * self._interval())
            looked_at = now
        if name:
            logger.warning("%s blocked the event loop for about %.1f s", name, blocked)

    def _log_stack(self, level: int, text: str, thread_id: int) -> None:
        frame = sys._current_frames().get(thread_id)  # the way to see another thread
        lines = traceback.format_stack(frame)[-FRAMES:] if frame is not None else []
        logger.log(level, "%s It is here:\n%s", text, "".join(lines).rstrip())

    def _renew_in_time(self) -> None:
        held = list(self._held())
        shortest = min((each.lease for each in held if each.lease is not None), default=None)
        if shortest is None or monotonic() - self._renewed_at < shortest / 3:
            return
        renewer = self._broker.lease_renewer()
        if renewer is None:
            return
        try:
            asyncio.run(_renew(renewer, held, timeout=shortest))
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning("Leases of a blocked worker can't be renewed: %s", reason_of(error))
        else:
            self._renewed_at = monotonic()


async def _renew(renewer: LeaseRenewer, held: Sequence[Delivery], *, timeout: float) -> None:
    async with asyncio.timeout(timeout), renewer as renew:
        await renew(held)
