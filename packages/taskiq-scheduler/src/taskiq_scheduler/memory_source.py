"""InMemoryScheduleSource: schedules in this process."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.scheduled_task import ScheduledTask

CLAIM_SECONDS: Final = 60.0
"""How long a claim holds that is not confirmed."""


class InMemoryScheduleSource(ScheduleSource):
    """Keeps schedules in this process, for tests and for programs that plan at run time.

    Args:
        clock: seconds that only grow; tests pass their own.
    """

    can_claim = True

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._schedules: dict[str, ScheduledTask] = {}
        self._claims: dict[tuple[str, datetime], float] = {}
        self._last: dict[str, datetime] = {}
        self._clock = clock

    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules."""
        return list(self._schedules.values())

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more; one of the same id takes the place of the earlier one."""
        self._schedules[schedule.schedule_id] = schedule

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; one that is not there is forgotten already."""
        self._schedules.pop(schedule_id, None)
        self._last.pop(schedule_id, None)

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Whether whoever asks may send the task of this tick."""
        last = self._last.get(schedule_id)
        now = self._clock()
        if (last is not None and tick <= last) or self._claims.get((schedule_id, tick), 0) > now:
            return False
        self._claims[schedule_id, tick] = now + CLAIM_SECONDS
        return True

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The tick is done."""
        self._claims.pop((schedule_id, tick), None)
        self._last[schedule_id] = max(tick, self._last.get(schedule_id, tick))

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that was confirmed."""
        return self._last.get(schedule_id)

    def post_send(self, task: ScheduledTask) -> None:
        """Forget a one-shot schedule that was sent."""
        if task.cron is None and task.interval is None:
            self._schedules.pop(task.schedule_id, None)
