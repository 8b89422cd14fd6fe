"""The contract of schedule sources: where schedules are kept."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Coroutine
from datetime import datetime
from typing import Any

from taskiq_core.messages.scheduled_task import ScheduledTask


class ScheduleSource(ABC):
    """Keeps schedules and hands them to schedulers.

    A source that can claim lets any number of schedulers run. A tick is one moment at which one
    schedule is due; a scheduler claims it, sends the task under an id made of both, and confirms.

    Attributes:
        can_claim: whether `claim` and `confirm` are implemented. Only one scheduler may serve a
            source that can't claim.
        claim_lease: seconds after which a claim that was not confirmed is free again.
    """

    can_claim: bool = False
    claim_lease: float = 60.0

    async def startup(self) -> None:
        """Connect; may be called twice."""

    async def shutdown(self) -> None:
        """Disconnect; may be called twice, and without `startup`."""

    @abstractmethod
    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules of this source, with those that are paused.

        One that can't be read is left out, with an error in the log: the others must go on.
        """

    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        """Those that may be due until a moment, in UTC; as well as any others.

        What schedulers ask for again and again. Of many that fire once in the far future, a source
        that knows when they are due need not read all of them each time.
        """
        del moment
        return await self.get_schedules()

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more schedule, in place of one of the same id.

        Where `is_new_beginning` says so of the two, the last tick is forgotten.
        """
        raise NotImplementedError(f"{type(self).__name__} can't add schedules at run time")

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule."""
        raise NotImplementedError(f"{type(self).__name__} can't delete schedules at run time")

    def pre_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Called before a scheduled task is sent; ScheduledTaskCancelledError skips it."""

    def post_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Called after a scheduled task was sent."""

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Whether this scheduler, and no other, is to send the task of this tick.

        A claim that is not confirmed within `claim_lease` seconds is free again: its scheduler died
        before it sent the task.
        """
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The task of this tick was sent: the tick can't be claimed any more."""
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that was confirmed; None if there is none, or this source can't claim.

        A scheduler that starts makes up for the ticks after it, as the schedule says.
        """
        return None

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """`last_tick` of many schedules, by their ids; those that have none are left out."""
        found: dict[str, datetime] = {}
        for schedule_id in schedule_ids:
            tick = await self.last_tick(schedule_id)
            if tick is not None:
                found[schedule_id] = tick
        return found

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Ticks whose claim ran out before it was confirmed, as schedule id and tick.

        Their schedulers died: another one claims and sends them. Schedulers ask after each
        `get_schedules`.
        """
        return []
