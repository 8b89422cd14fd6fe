"""ReferenceScheduleSource: the contract of schedule sources as a program."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from datetime import datetime

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.messages.scheduled_task import (
    ScheduledTask,
    check_new_schedule,
    is_new_beginning,
)


class ReferenceScheduleSource(ScheduleSource):
    """Keeps schedules in this object, serialized as if they went elsewhere.

    Args:
        claim_lease: seconds after which a claim that was not confirmed is free again.
        clock: seconds that only grow.
    """

    can_claim = True

    def __init__(
        self, *, claim_lease: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.claim_lease = claim_lease
        self.clock = clock
        self.schedules: dict[str, str] = {}
        self.claims: dict[tuple[str, datetime], float] = {}
        self.confirmed: set[tuple[str, datetime]] = set()
        self.latest: dict[str, datetime] = {}
        self.subscribers: set[asyncio.Event] = set()

    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules."""
        return [ScheduledTask.model_validate_json(text) for text in self.schedules.values()]

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more; if it is due at other moments than before, it begins anew."""
        check_new_schedule(schedule)
        before = self.schedules.get(schedule.schedule_id)
        if before and is_new_beginning(ScheduledTask.model_validate_json(before), schedule):
            self.latest.pop(schedule.schedule_id, None)
        self.schedules[schedule.schedule_id] = schedule.model_dump_json()
        self.notify()

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield at the beginning, and after each change."""
        changed = asyncio.Event()
        self.subscribers.add(changed)
        try:
            yield
            while True:
                await changed.wait()
                changed.clear()
                yield
        finally:
            self.subscribers.discard(changed)

    def notify(self) -> None:
        """Wake the subscribers that wait for changes."""
        for changed in self.subscribers:
            changed.set()

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; an unknown id is ignored."""
        self.schedules.pop(schedule_id, None)
        self.latest.pop(schedule_id, None)
        self.notify()

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Whether nobody else has the tick."""
        key = (schedule_id, tick)
        if key in self.confirmed or self.claims.get(key, 0) > self.clock():
            return False
        self.claims[key] = self.clock() + self.claim_lease
        return True

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The tick is done."""
        self.confirmed.add((schedule_id, tick))
        if schedule_id in self.schedules:
            self.latest[schedule_id] = max(tick, self.latest.get(schedule_id, tick))

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that is done."""
        return self.latest.get(schedule_id)
