"""Clock: the time, and waiting for it; the scheduler asks no other clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Protocol

LONGEST_WAIT: Final = 30.0
"""Seconds after which the system's clock is looked at again, as it may have been set."""


class Clock(Protocol):
    """A clock that a scheduler runs on; tests pass a virtual one."""

    def now(self) -> datetime:
        """Return the current time in UTC; it may be set, and so jump ahead or back."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, after so many seconds, or earlier if the clock was set.

        It may return for no reason: the caller looks at the time again.
        """
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the system's time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds of `time.monotonic`."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for half a minute at most: the system does not say when its clock was set."""
        try:
            async with asyncio.timeout(min(seconds, LONGEST_WAIT)):
                await event.wait()
        except TimeoutError:
            pass
