"""InMemoryScheduleSource: schedules in this process."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.messages.scheduled_task import ScheduledTask, is_new_beginning
from taskiq_scheduler.checking import check_new

REMEMBERED: Final = 2_000
"""How many confirmed ticks of a schedule are remembered."""


class InMemoryScheduleSource(ScheduleSource):
    """Keeps schedules in this process, for tests and for programs that plan at run time.

    Args:
        clock: seconds that only grow; tests pass their own.
    """

    can_claim = True

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._schedules: dict[str, ScheduledTask] = {}
        self._claims: dict[tuple[str, datetime], float] = {}
        self._confirmed: dict[str, deque[datetime]] = {}
        self._last: dict[str, datetime] = {}
        self._gone: dict[str, None] = {}
        self._clock = clock

    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules."""
        return list(self._schedules.values())

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more; one of the same id takes the place of the earlier one.

        Raises:
            ScheduleRefusedError: its cron line, time zone, interval or time can't be followed.
        """
        check_new(schedule)
        before = self._schedules.get(schedule.schedule_id)
        if before is not None and is_new_beginning(before, schedule):
            self._last.pop(schedule.schedule_id, None)
        self._schedules[schedule.schedule_id] = schedule

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; one that is not there is forgotten already."""
        self._schedules.pop(schedule_id, None)
        self._last.pop(schedule_id, None)

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Whether whoever asks may send the task of this tick."""
        if self._is_confirmed(schedule_id, tick):
            return False
        now = self._clock()
        if self._claims.get((schedule_id, tick), now) > now:
            return False
        self._claims[schedule_id, tick] = now + self.claim_lease
        return True

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The tick is done."""
        self._claims.pop((schedule_id, tick), None)
        self._confirmed.setdefault(schedule_id, deque(maxlen=REMEMBERED)).append(tick)
        self._last[schedule_id] = max(tick, self._last.get(schedule_id, tick))
        if schedule_id not in self._schedules:
            self._forget_in_time(schedule_id)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that was confirmed."""
        return self._last.get(schedule_id)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Ticks that were claimed and not confirmed in time."""
        now = self._clock()
        return [key for key, ends in self._claims.items() if ends <= now]

    def post_send(self, task: ScheduledTask) -> None:
        """Forget a one-shot schedule that was sent."""
        if not task.is_repeated:
            self._schedules.pop(task.schedule_id, None)

    def _forget_in_time(self, schedule_id: str) -> None:
        """Remember the ticks of a schedule that is gone for a while, as of one that fired once."""
        self._gone.pop(schedule_id, None)
        self._gone[schedule_id] = None  # the latest is the last one
        if len(self._gone) > REMEMBERED:
            oldest = next(iter(self._gone))
            del self._gone[oldest]
            if oldest not in self._schedules:
                self._confirmed.pop(oldest, None)
                self._last.pop(oldest, None)

    def _is_confirmed(self, schedule_id: str, tick: datetime) -> bool:
        ticks = self._confirmed.get(schedule_id, ())
        # What is older than all that are remembered was confirmed long ago.
        return tick in ticks or (len(ticks) == REMEMBERED and tick < min(ticks))
