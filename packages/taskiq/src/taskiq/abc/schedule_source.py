"""The contract of schedule sources."""

from taskiq_core.abc.schedule_source import ScheduleSource

__all__ = ["ScheduleSource"]
