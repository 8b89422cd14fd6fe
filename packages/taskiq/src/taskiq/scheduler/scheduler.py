"""A broker, and the sources of what it is to send."""

from taskiq_scheduler.scheduler import TaskiqScheduler

__all__ = ["TaskiqScheduler"]
