"""A schedule of a task."""

from taskiq.scheduler.scheduled_task.task import ScheduledTask

__all__ = ["ScheduledTask"]
