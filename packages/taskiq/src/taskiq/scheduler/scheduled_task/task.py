"""A schedule of a task."""

from taskiq_core.scheduled_task import ScheduledTask

__all__ = ["ScheduledTask"]
