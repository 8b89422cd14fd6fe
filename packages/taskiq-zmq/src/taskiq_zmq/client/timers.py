"""Timers: named timers, each of which fires once, at the earliest time that was set."""

import asyncio
from collections.abc import Callable


class Timers:
    """The running timers of an object on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, delay: float, call: Callable[[], None]) -> None:
        """Call in `delay` seconds, unless the timer of that name fires earlier.

        Args:
            name: of the timer; a name has one timer at a time.
            delay: seconds.
            call: the callback.
        """
        timer = self._running.get(name)
        if timer is not None:
            if timer.when() <= self._loop.time() + delay:
                return
            timer.cancel()
        self._running[name] = self._loop.call_later(delay, self._fire, name, call)

    def cancel(self) -> None:
        """Cancel all timers."""
        for timer in self._running.values():
            timer.cancel()
        self._running.clear()

    def _fire(self, name: str, call: Callable[[], None]) -> None:
        del self._running[name]
        call()
