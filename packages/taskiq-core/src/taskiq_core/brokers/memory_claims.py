"""MemoryTickClaims: claims of ticks in this process."""

from collections import deque
from collections.abc import Callable, Collection
from datetime import datetime
from time import monotonic
from typing import Final

REMEMBERED_TICKS: Final = 2_000
"""Confirmed ticks of one schedule that are remembered."""
REMEMBERED_SCHEDULES: Final = 20_000
"""Schedules whose ticks are remembered."""


class MemoryTickClaims:
    """The contract `TickClaims`, for brokers and schedule sources that live in one process.

    Args:
        lease: seconds after which a claim that was not confirmed is free again.
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(self, *, lease: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        self.claim_lease = lease
        self._clock = clock
        self._claims: dict[tuple[str, datetime], float] = {}
        # The schedule whose tick was confirmed last is the last one.
        self._confirmed: dict[str, deque[datetime]] = {}
        self._last: dict[str, datetime] = {}

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick; see `TickClaims.claim`."""
        now = self._clock()
        if self._is_confirmed(schedule_id, tick):
            return False
        if self._claims.get((schedule_id, tick), now) > now:
            return False
        self._claims[schedule_id, tick] = now + self.claim_lease
        return True

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick; see `TickClaims.confirm`."""
        self._claims.pop((schedule_id, tick), None)
        ticks = self._confirmed.pop(schedule_id, None)
        self._confirmed[schedule_id] = ticks = ticks or deque(maxlen=REMEMBERED_TICKS)
        ticks.append(tick)
        self._last[schedule_id] = max(tick, self._last.get(schedule_id, tick))
        if len(self._confirmed) > REMEMBERED_SCHEDULES:
            oldest = next(iter(self._confirmed))
            del self._confirmed[oldest]
            self._last.pop(oldest, None)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed ticks."""
        return {each: self._last[each] for each in schedule_ids if each in self._last}

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks that were claimed and not confirmed in time."""
        now = self._clock()
        return [key for key, ends in self._claims.items() if ends <= now]

    def forget_last(self, schedule_id: str) -> None:
        """Forget the last tick of a schedule, which is due at other moments now, or gone."""
        self._last.pop(schedule_id, None)

    def _is_confirmed(self, schedule_id: str, tick: datetime) -> bool:
        ticks = self._confirmed.get(schedule_id, ())
        # A tick from before all that are remembered was confirmed long ago.
        return tick in ticks or (len(ticks) == REMEMBERED_TICKS and tick < min(ticks))
