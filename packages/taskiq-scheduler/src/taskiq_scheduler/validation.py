"""Whether a schedule can be followed, before it is; no I/O."""

from datetime import UTC, datetime
from typing import Final

from taskiq_core.exceptions import ScheduleRefusedError
from taskiq_core.messages.scheduled_task import ScheduledTask, timing_fault
from taskiq_scheduler.errors import ScheduleValueError
from taskiq_scheduler.ticks import check_cron, next_interval, to_utc, zone_of

_SOME_MOMENT: Final = datetime(2026, 1, 1, tzinfo=UTC)


def check_timing(schedule: ScheduledTask) -> None:
    """Refuse a schedule whose moments can't be computed.

    Raises:
        ScheduleValueError: its cron line, time zone, interval or time can't be followed.
    """
    if (fault := timing_fault(schedule)) is not None:
        raise ScheduleValueError(reason=fault)
    if schedule.cron is not None:
        check_cron(schedule.cron)
        zone_of(schedule.cron_offset)
    try:
        if schedule.interval is not None:
            next_interval(schedule.interval, _SOME_MOMENT)
        if schedule.time is not None:
            to_utc(schedule.time)
    except OverflowError as error:
        reason = "it is due beyond the year 9999: an interval is in seconds, a time in years"
        raise ScheduleValueError(reason=reason) from error


def check_new(schedule: ScheduledTask) -> None:
    """Refuse a schedule, where it is added, that would be left out when it is read.

    Knows more of cron lines than `check_new_schedule`, which every source can call.

    Raises:
        ScheduleRefusedError: it can't be followed; names its task.
    """
    try:
        check_timing(schedule)
    except ScheduleValueError as error:
        raise ScheduleRefusedError(
            schedule_id=schedule.schedule_id, task_name=schedule.task_name, reason=str(error)
        ) from error
