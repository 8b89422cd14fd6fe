"""The caller's handle on a schedule."""

from taskiq_core.created_schedule import CreatedSchedule

__all__ = ["CreatedSchedule"]
