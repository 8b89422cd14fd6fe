"""Schedules: tasks that are sent by cron lines, at intervals or at a moment."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_scheduler.api import run_scheduler_task
    from taskiq_scheduler.errors import BadScheduleError, SendTimeoutError
    from taskiq_scheduler.label_source import LabelScheduleSource
    from taskiq_scheduler.loop import SchedulerLoop
    from taskiq_scheduler.memory_source import InMemoryScheduleSource
    from taskiq_scheduler.scheduler import TaskiqScheduler
    from taskiq_scheduler.ticks import next_tick

__all__ = [
    "BadScheduleError",
    "InMemoryScheduleSource",
    "LabelScheduleSource",
    "SchedulerLoop",
    "SendTimeoutError",
    "TaskiqScheduler",
    "next_tick",
    "run_scheduler_task",
]
__version__ = "1.0.0"
_HOMES = {
    "BadScheduleError": "taskiq_scheduler.errors",
    "InMemoryScheduleSource": "taskiq_scheduler.memory_source",
    "LabelScheduleSource": "taskiq_scheduler.label_source",
    "SchedulerLoop": "taskiq_scheduler.loop",
    "SendTimeoutError": "taskiq_scheduler.errors",
    "TaskiqScheduler": "taskiq_scheduler.scheduler",
    "next_tick": "taskiq_scheduler.ticks",
    "run_scheduler_task": "taskiq_scheduler.api",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
