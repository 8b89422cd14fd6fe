"""What a schedule may say."""

from taskiq_core.messages.cron_spec import CronOffset
from taskiq_core.messages.scheduled_task import discriminate_offset, validate_interval_value

__all__ = ["CronOffset", "discriminate_offset", "validate_interval_value"]
