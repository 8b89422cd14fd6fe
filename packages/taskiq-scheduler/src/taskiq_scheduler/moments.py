"""Questions about one schedule and one moment, as taskiq 0.13 asked them; for code that does.

The scheduler itself asks for the next tick instead: `timetable`.
"""

from datetime import datetime, timedelta

from taskiq_scheduler.timetable import next_cron, next_interval, to_utc, zone_of


def to_tz_aware(time: datetime) -> datetime:
    """The same moment with a time zone; a naive datetime is taken for UTC."""
    return to_utc(time)


def is_cron_task_now(
    cron_value: str,
    now: datetime,
    offset: str | timedelta | None = None,
    last_run: datetime | None = None,
) -> bool:
    """Whether a cron line is due in the minute of this moment, and was not run in it.

    Raises:
        CronValueError: the cron line or the time zone can't be followed.
    """
    minute = to_utc(now).replace(second=0, microsecond=0)
    if last_run is not None and to_utc(last_run) >= minute:
        return False
    tick = next_cron(cron_value, zone_of(offset), minute - timedelta(microseconds=1))
    return tick is not None and tick < minute + timedelta(minutes=1)


def is_interval_task_now(
    interval_value: int | timedelta, now: datetime, last_run: datetime | None = None
) -> bool:
    """Whether an interval has passed since the last run; a first run is always due."""
    if last_run is None:
        return True
    return next_interval(interval_value, to_utc(last_run)) <= to_utc(now)


def is_time_task_now(time_value: datetime, now: datetime, last_run: datetime | None = None) -> bool:
    """Whether the moment has come, and the task was not run."""
    return last_run is None and to_utc(time_value) <= to_utc(now)
