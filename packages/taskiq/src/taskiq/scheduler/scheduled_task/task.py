"""A schedule of a task."""

from taskiq_core.scheduled_task import CronOffset, ScheduledTask

__all__ = ["CronOffset", "ScheduledTask"]
