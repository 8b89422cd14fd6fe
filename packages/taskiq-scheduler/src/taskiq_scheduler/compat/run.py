"""The functions of 0.13's `taskiq.cli.scheduler.run`: one schedule, one moment, one send.

The scheduler itself asks for the next tick instead (`ticks`), and sends by its `Dispatcher`.
"""

import asyncio
from datetime import datetime, timedelta

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.scheduler import TaskiqScheduler
from taskiq_scheduler.ticks import next_cron, next_interval, to_utc, zone_of

logger = get_logger(__name__)


def to_tz_aware(time: datetime) -> datetime:
    """Return a moment in UTC; a naive datetime is taken for UTC."""
    return to_utc(time)


def is_cron_task_now(
    cron_value: str,
    now: datetime,
    offset: str | timedelta | None = None,
    last_run: datetime | None = None,
) -> bool:
    """Return whether a cron line is due in the minute of a moment, and was not run in it.

    Args:
        cron_value: the line.
        now: the moment; without a zone, it is in UTC.
        offset: the line's time zone, or its distance from UTC; UTC by default.
        last_run: when it was run last; None for never.

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
    """Return whether an interval has passed since the last run; a first run is always due.

    Args:
        interval_value: in seconds, if it is a number.
        now: until when; without a zone, it is in UTC.
        last_run: since when; None before the first run.
    """
    if last_run is None:
        return True
    return next_interval(interval_value, to_utc(last_run)) <= to_utc(now)


def is_time_task_now(time_value: datetime, now: datetime, last_run: datetime | None = None) -> bool:
    """Return whether a moment has come, and the task was not run.

    Args:
        time_value: the moment; without a zone, it is in UTC.
        now: the present; without a zone, it is in UTC.
        last_run: when it was run; None for never.
    """
    return last_run is None and to_utc(time_value) <= to_utc(now)


async def get_schedules(source: ScheduleSource) -> list[ScheduledTask]:
    """Return the schedules of a source; none, and a log record, if it fails."""
    try:
        return await source.get_schedules()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s can't be asked for its schedules: %s", type(source).__name__, reason_of(error)
        )
        return []


async def get_all_schedules(
    scheduler: TaskiqScheduler,
) -> list[tuple[ScheduleSource, list[ScheduledTask]]]:
    """Return the schedules of all sources."""
    found = await asyncio.gather(*map(get_schedules, scheduler.sources))
    return list(zip(scheduler.sources, found, strict=True))


async def send(scheduler: TaskiqScheduler, source: ScheduleSource, task: ScheduledTask) -> None:
    """Send the task of a schedule now; see `TaskiqScheduler.on_ready`."""
    await scheduler.on_ready(source, task)


async def send_with_timeout(
    scheduler: TaskiqScheduler, source: ScheduleSource, task: ScheduledTask, timeout: float
) -> None:
    """Send the task of a schedule now, or log that it took too long, and return.

    Args:
        scheduler: sends.
        source: has the schedule.
        task: what to send.
        timeout: seconds that it may take.
    """
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            await scheduler.on_ready(source, task)
    except TimeoutError:
        if not deadline.expired():
            raise
        logger.warning(
            "%s (schedule %s) was not sent within %g s", task.task_name, task.schedule_id, timeout
        )
