"""The contract of schedule sources: where schedules are kept."""

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from taskiq_core.scheduled_task import ScheduledTask


class ScheduleSource(ABC):
    """Keeps schedules and hands them to schedulers.

    A source that can claim lets any number of schedulers run. A tick is one moment at which one
    schedule is due; a scheduler claims it, sends the task under an id made of both, and confirms.

    Attributes:
        can_claim: whether `claim` and `confirm` are implemented. Only one scheduler may serve a
            source that can't claim.
    """

    can_claim: bool = False

    async def startup(self) -> None:
        """Connect; may be called twice."""

    async def shutdown(self) -> None:
        """Disconnect; may be called twice, and without `startup`."""

    @abstractmethod
    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules of this source."""

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more schedule."""
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

        A claim that is not confirmed within a minute is free again: its scheduler died before it
        sent the task.
        """
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The task of this tick was sent: the tick can't be claimed any more."""
        raise NotImplementedError(f"{type(self).__name__} can't claim ticks")

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that was confirmed; None if there is none, or this source can't claim."""
        return None
