"""VirtualTime: the clock of a test."""

import asyncio
from datetime import UTC, datetime, timedelta


class VirtualTime:
    """A clock that only the test moves; schedulers can run on it.

    Args:
        start: the moment at first, with a time zone; the machine's time if it is None.

    Raises:
        ValueError: `start` has no time zone.
    """

    def __init__(self, start: datetime | None = None) -> None:
        start = start or datetime.now(UTC)
        if start.utcoffset() is None:
            raise ValueError(f"{start} has no time zone: datetime(..., tzinfo=UTC)")
        self._start = self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return (self._now - self._start).total_seconds()

    def move_to(self, moment: datetime) -> None:
        """Set the clock ahead; a moment that has passed changes nothing."""
        self._now = max(self._now, moment)

    def after(self, seconds: float) -> datetime:
        """Return the moment in so many seconds."""
        return self._now + timedelta(seconds=seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for the event in real time: nobody moves this clock meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
