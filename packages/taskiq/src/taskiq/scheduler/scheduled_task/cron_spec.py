"""The fields of a cron line, by their names."""

from taskiq_core.messages.cron_spec import CronOffset, CronSpec

__all__ = ["CronOffset", "CronSpec"]
