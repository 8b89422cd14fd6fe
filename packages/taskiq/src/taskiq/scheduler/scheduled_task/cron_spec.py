"""The fields of a cron line, by their names."""

from taskiq_core.messages.cron_spec import CronSpec
from taskiq_core.messages.scheduled_task import CronOffset

__all__ = ["CronOffset", "CronSpec"]
