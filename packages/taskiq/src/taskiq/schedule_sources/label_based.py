"""Schedules that stand on the tasks."""

from taskiq_scheduler.label_source import LabelScheduleSource

__all__ = ["LabelScheduleSource"]
