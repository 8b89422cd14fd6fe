"""The fields of a cron line, by their names."""

from taskiq_core.cron_spec import CronSpec
from taskiq_core.scheduled_task import CronOffset

__all__ = ["CronOffset", "CronSpec"]
