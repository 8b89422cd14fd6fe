"""The caller's handle on a schedule."""

from typing import Any, Generic, TypeVar

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.client.typed_kiq import Sendable
from taskiq_core.messages.scheduled_task import ScheduledTask

_ReturnType = TypeVar("_ReturnType")


class CreatedSchedule(Generic[_ReturnType]):
    """A schedule that a source keeps.

    Attributes:
        kicker: sends the same call now.
        source: keeps the schedule.
        task: the call, and when it is made.
        schedule_id: by which the source knows it.
    """

    def __init__(
        self, kicker: Sendable[..., Any], source: ScheduleSource, task: ScheduledTask
    ) -> None:
        self.kicker = kicker
        self.source = source
        self.task = task
        self.schedule_id = task.schedule_id

    async def kiq(self) -> Any:
        """Send the call now, without changing the schedule.

        Returns:
            The `AsyncTaskiqTask` of the call.
        """
        return await self.kicker.kiq(*self.task.args, **self.task.kwargs)

    async def unschedule(self) -> None:
        """Have the source forget the schedule."""
        await self.source.delete_schedule(self.schedule_id)

    def __str__(self) -> str:
        when = self.task.cron or self.task.interval or self.task.time
        return f"CreatedSchedule(id={self.schedule_id}, task={self.task.task_name}, when={when})"
