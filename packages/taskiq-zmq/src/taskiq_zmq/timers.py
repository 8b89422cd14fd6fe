"""Named timers of one owner: each name fires once, at the earliest of the times it was set to."""

import asyncio
from collections.abc import Callable


class Timers:
    """The timers that an object on the event loop has running."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, delay: float, call: Callable[[], None]) -> None:
        """Call in so many seconds, unless the timer of that name does so earlier."""
        timer = self._running.get(name)
        if timer is not None:
            if timer.when() <= self._loop.time() + delay:
                return
            timer.cancel()
        self._running[name] = self._loop.call_later(delay, self._fire, name, call)

    def cancel(self) -> None:
        """Call nobody."""
        for timer in self._running.values():
            timer.cancel()
        self._running.clear()

    def _fire(self, name: str, call: Callable[[], None]) -> None:
        del self._running[name]
        call()
