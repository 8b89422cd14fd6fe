"""The caller's handle on a schedule."""

from taskiq_core.client.created_schedule import CreatedSchedule

__all__ = ["CreatedSchedule"]
