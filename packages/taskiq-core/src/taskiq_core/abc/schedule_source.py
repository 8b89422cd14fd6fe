"""The contract of schedule sources: where schedules are kept."""

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from taskiq_core.scheduled_task import ScheduledTask


class ScheduleSource(ABC):
    """Keeps schedules and hands them to schedulers."""

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
