"""Whether a schedule can be followed, before it is; no I/O."""

from datetime import UTC, datetime
from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.scheduled_task import ScheduledTask, validate_interval_value, wrong_time
from taskiq_scheduler.errors import ScheduleRefusedError, ScheduleValueError
from taskiq_scheduler.timetable import next_tick

_SOME_MOMENT: Final = datetime(2026, 1, 1, tzinfo=UTC)


def check_schedule(schedule: ScheduledTask, broker: AsyncBroker) -> None:
    """Refuse what can't be followed.

    Raises:
        ScheduleValueError: its cron line, time zone, interval or time can't be followed, or the
            broker has tasks and this is none of them.
    """
    check_timing(schedule)
    if broker.find_task(schedule.task_name) is None and broker.get_all_tasks():
        reason = (
            f"the broker has no task {schedule.task_name!r}. Name the module that declares it as "
            "an argument of the command, give -fsd, or import it"
        )
        raise ScheduleValueError(reason=reason)


def check_new(schedule: ScheduledTask) -> None:
    """Refuse, where a schedule is made, what would be left out when it is read.

    Raises:
        ScheduleRefusedError: it can't be followed; names its task.
    """
    try:
        check_timing(schedule)
    except ScheduleValueError as error:
        raise ScheduleRefusedError(
            schedule_id=schedule.schedule_id, task_name=schedule.task_name, reason=str(error)
        ) from error


def check_timing(schedule: ScheduledTask) -> None:
    """Refuse what is due at no moment that can be told; see `check_schedule`."""
    if schedule.interval is not None:
        try:
            validate_interval_value(schedule.interval)
        except ValueError as error:
            raise ScheduleValueError(reason=str(error)) from error
    elif schedule.cron is None:
        if schedule.time is None:
            raise ScheduleValueError(reason="a schedule needs cron, interval or time")
        if wrong := wrong_time(schedule.time):
            raise ScheduleValueError(reason=wrong)
    try:
        next_tick(schedule, _SOME_MOMENT)
    except OverflowError as error:
        reason = "it is due beyond the year 9999: an interval is in seconds, a time in years"
        raise ScheduleValueError(reason=reason) from error
