"""A schedule of a task."""

from taskiq.scheduler.scheduled_task.cron_spec import CronSpec
from taskiq.scheduler.scheduled_task.task import MissedTicks, ScheduledTask

__all__ = ["CronSpec", "MissedTicks", "ScheduledTask"]
