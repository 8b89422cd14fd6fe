"""What time it is, and waiting: the one place where the scheduler meets a clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Protocol

LONGEST_WAIT: Final = 30.0
"""Seconds after which the system's clock is looked at again, as it may have been set."""


class Clock(Protocol):
    """A clock that a scheduler runs on; tests pass a virtual one."""

    def now(self) -> datetime:
        """The moment, in UTC; it may be set, and so jump ahead or back."""
        ...

    def monotonic(self) -> float:
        """Seconds from some moment on; they only grow."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, after so many seconds, or earlier if the clock was set.

        It may return without a reason: whoever waits looks at the time again.
        """
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The system's time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since the machine was started, or so."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait in the running event loop, for half a minute at most, as nobody tells of a jump."""
        try:
            async with asyncio.timeout(min(seconds, LONGEST_WAIT)):
                await event.wait()
        except TimeoutError:
            pass
