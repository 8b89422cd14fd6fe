"""`taskiq scheduler` as a command of the older entry-point group."""

from taskiq_scheduler.compat.command import SchedulerCMD

__all__ = ["SchedulerCMD"]
