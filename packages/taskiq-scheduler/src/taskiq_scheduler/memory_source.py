"""InMemoryScheduleSource: schedules in this process."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection
from datetime import datetime
from time import monotonic

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.brokers.memory_claims import MemoryTickClaims
from taskiq_core.messages.scheduled_task import ScheduledTask, is_new_beginning
from taskiq_scheduler.validation import check_new


class InMemoryScheduleSource(ScheduleSource):
    """Keeps schedules in this process, for tests and for programs that plan at run time.

    Args:
        clock: seconds that only grow; tests pass their own.
    """

    can_claim = True

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._schedules: dict[str, ScheduledTask] = {}
        self._claims = MemoryTickClaims(lease=self.claim_lease, clock=clock)
        self._subscribers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return all schedules."""
        return list(self._schedules.values())

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield when schedules were added or deleted, from whatever thread."""
        changed = asyncio.Event()
        self._subscribers[changed] = asyncio.get_running_loop()
        try:
            yield
            while True:
                await changed.wait()
                changed.clear()
                yield
        finally:
            del self._subscribers[changed]

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep a schedule, in place of one of the same id.

        Raises:
            ScheduleRefusedError: its cron line, time zone, interval or time can't be followed.
        """
        check_new(schedule)
        before = self._schedules.get(schedule.schedule_id)
        if before is not None and is_new_beginning(before, schedule):
            self._claims.forget_last(schedule.schedule_id)
        self._schedules[schedule.schedule_id] = schedule
        self._notify()

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; one that is not there is forgotten already."""
        self._claims.forget_last(schedule_id)
        if self._schedules.pop(schedule_id, None) is not None:
            self._notify()

    def post_send(self, task: ScheduledTask) -> None:
        """Forget a schedule that fires once."""
        if not task.is_repeated:
            self._schedules.pop(task.schedule_id, None)

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick for one of the schedulers of this process."""
        self._claims.claim_lease = self.claim_lease
        return await self._claims.claim(schedule_id, tick)

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick."""
        await self._claims.confirm(schedule_id, tick)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed."""
        return (await self.last_ticks([schedule_id])).get(schedule_id)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules."""
        return await self._claims.last_ticks(schedule_ids)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks that were claimed and not confirmed in time."""
        return await self._claims.abandoned()

    def _notify(self) -> None:
        for changed, loop in list(self._subscribers.items()):
            with contextlib.suppress(RuntimeError):  # that event loop is closed
                loop.call_soon_threadsafe(changed.set)
