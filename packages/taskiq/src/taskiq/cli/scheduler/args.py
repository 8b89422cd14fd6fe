"""The options of `taskiq scheduler`."""

from taskiq_scheduler.arguments import SchedulerArgs

__all__ = ["SchedulerArgs"]
