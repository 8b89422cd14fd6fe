"""A scheduler started by a program."""

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.compat.run import (
    get_all_schedules,
    get_schedules,
    is_cron_task_now,
    is_interval_task_now,
    is_time_task_now,
    logger,
    send,
    send_with_timeout,
    to_tz_aware,
)
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.process import run_scheduler
from taskiq_scheduler.scheduler import TaskiqScheduler

__all__ = [
    "CronValueError",
    "ScheduleSource",
    "ScheduledTask",
    "SchedulerArgs",
    "SchedulerLoop",
    "TaskiqScheduler",
    "get_all_schedules",
    "get_schedules",
    "is_cron_task_now",
    "is_interval_task_now",
    "is_time_task_now",
    "logger",
    "run_scheduler",
    "send",
    "send_with_timeout",
    "to_tz_aware",
]
