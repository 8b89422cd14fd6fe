"""A scheduler started by a program."""

from taskiq_scheduler.compat.run import (
    get_all_schedules,
    get_schedules,
    is_cron_task_now,
    is_interval_task_now,
    is_time_task_now,
    send,
    send_with_timeout,
    to_tz_aware,
)
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.process import run_scheduler

__all__ = [
    "CronValueError",
    "SchedulerLoop",
    "get_all_schedules",
    "get_schedules",
    "is_cron_task_now",
    "is_interval_task_now",
    "is_time_task_now",
    "run_scheduler",
    "send",
    "send_with_timeout",
    "to_tz_aware",
]
