"""A schedule of a task."""

from taskiq_core.messages.scheduled_task import CronOffset, MissedTicks, ScheduledTask

__all__ = ["CronOffset", "MissedTicks", "ScheduledTask"]
