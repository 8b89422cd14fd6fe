"""What can go wrong with schedules.

```
TaskiqError
└── ScheduleError
    ├── BadScheduleError        a schedule is left out; names it, its source and the reason
    ├── ScheduleRefusedError    a schedule is not added (taskiq-core's, also a ValueError)
    ├── ScheduleLabelError      a task's label `schedule` is not a list of dicts (also a LoadError)
    ├── ScheduleValueError      the reason
    │   └── CronValueError      ... is a cron line or a time zone
    ├── SendTimeoutError        sending a task took too long
    └── NotASchedulerError      a path does not lead to a scheduler (also a LoadError)
```
"""

from taskiq_core.exceptions import ScheduleError, ScheduleRefusedError
from taskiq_core.loading.errors import LoadError

__all__ = [
    "BadScheduleError",
    "CronValueError",
    "NotASchedulerError",
    "ScheduleError",
    "ScheduleLabelError",
    "ScheduleRefusedError",
    "ScheduleValueError",
    "SendTimeoutError",
]


class BadScheduleError(ScheduleError):
    """A schedule can't be followed; the others are not harmed."""

    __template__ = (
        "Schedule {schedule_id!r} of task {task_name!r} in {source} is left out: {reason}"
    )
    schedule_id: str
    task_name: str
    source: str
    reason: str


class ScheduleLabelError(ScheduleError, LoadError):
    """The label `schedule` of a task is not a list of dicts."""

    __template__ = "The label 'schedule' of task {task_name!r} can't be used: {reason}"
    task_name: str
    reason: str


class SendTimeoutError(ScheduleError):
    """A scheduled task could not be sent in time; it is tried again."""

    __template__ = (
        "Schedule {schedule_id!r}: task {task_name!r} was not sent within {timeout:g} s. "
        "Is the broker's server up?"
    )
    schedule_id: str
    task_name: str
    timeout: float


class NotASchedulerError(ScheduleError, LoadError):
    """A path does not lead to a scheduler."""

    __template__ = (
        "{spec} is {description}, not a TaskiqScheduler. Make one: "
        "scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])"
    )
    spec: str
    description: str


class ScheduleValueError(ScheduleError, ValueError):
    """The timing of a schedule can't be followed."""

    __template__ = "{reason}"
    reason: str


class CronValueError(ScheduleValueError):
    """A cron line, or the time zone that belongs to it, can't be followed."""
