"""A broker, and the sources of what it is to send."""

from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.scheduler import TaskiqScheduler

__all__ = ["ScheduledTask", "TaskiqScheduler"]
