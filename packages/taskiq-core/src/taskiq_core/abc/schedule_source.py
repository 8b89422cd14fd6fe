"""The contract of schedule sources: where schedules are kept."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Coroutine
from datetime import datetime
from typing import Any

from taskiq_core.messages.scheduled_task import ScheduledTask


class ScheduleSource(ABC):
    """Keeps schedules and hands them to schedulers.

    A source that can claim is its own `TickClaims`, and lets any number of schedulers run. For one
    that can't, schedulers use the claims of their broker (`Capability.CLAIMS`), if it has them.

    Attributes:
        can_claim: whether `claim`, `confirm`, `last_ticks` and `abandoned` are implemented.
        claim_lease: seconds after which a claim that was not confirmed is free again.
    """

    can_claim: bool = False
    claim_lease: float = 60.0

    async def startup(self) -> None:
        """Connect; may be called twice."""

    async def shutdown(self) -> None:
        """Disconnect; may be called twice, and without `startup`."""

    # -- schedules ----------------------------------------------------------------------------

    @abstractmethod
    async def get_schedules(self) -> list[ScheduledTask]:
        """Return all schedules, including paused ones.

        A schedule that can't be read is left out, with an error in the log: the others must go on.
        """

    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        """Return at least the schedules that may be due until a moment, in UTC.

        Schedulers call it again and again. A source that knows when its schedules are due need not
        read schedules of the far future each time.
        """
        del moment
        return await self.get_schedules()

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield when schedules may have been added, changed or removed, in any process.

        An implementation must keep:

        - The first item comes as soon as the subscription stands, before any change: schedulers
          read the schedules after it, and so miss none.
        - Changes of a short time may be one item. One item too many is harmless.
        - The removal of a schedule that fires once, because it was sent, need not be an item.
        - If it raises, schedulers call it again, with growing delays.

        The default ends at once: schedulers look at such a source each `--update-interval`.
        """
        for _ in ():
            yield

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more schedule, in place of one of the same id.

        An implementation calls `taskiq_core.messages.scheduled_task.check_new_schedule` first.
        Where `is_new_beginning` is true of the old and the new one, it forgets the last tick.

        Raises:
            ScheduleRefusedError: it would never fire.
        """
        raise NotImplementedError(f"{type(self).__name__} can't add schedules at run time")

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule."""
        raise NotImplementedError(f"{type(self).__name__} can't delete schedules at run time")

    # -- sending ------------------------------------------------------------------------------

    def pre_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Called before a scheduled task is sent; ScheduledTaskCancelledError skips it."""

    def post_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Called after a scheduled task was sent."""

    # -- claims: see TickClaims ---------------------------------------------------------------

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick, as `TickClaims.claim`."""
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick, as `TickClaims.confirm`."""
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed; None without one, or without claims."""
        return None

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules, as `TickClaims.last_ticks`."""
        found: dict[str, datetime] = {}
        for schedule_id in schedule_ids:
            tick = await self.last_tick(schedule_id)
            if tick is not None:
                found[schedule_id] = tick
        return found

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claim ran out, as `TickClaims.abandoned`."""
        return []
