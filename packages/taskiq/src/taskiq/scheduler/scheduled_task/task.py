"""A schedule of a task."""

from taskiq_core.messages.cron_spec import CronOffset
from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask

__all__ = ["CronOffset", "MissedTicks", "ScheduledTask"]
