"""A schedule as a line of text."""

from datetime import UTC, datetime
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.scheduled_task import ScheduledTask
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.timetable import next_tick, seconds_of, to_utc, zone_of

HEADINGS: Final = ("SOURCE", "SCHEDULE", "TASK", "WHEN", "LAST", "NEXT")
SHOWN: Final = 3
"""How many of the next ticks are shown."""


def describe(
    source: ScheduleSource,
    schedule: ScheduledTask,
    last: datetime | None,
    now: datetime,
    broker: AbstractBroker,
) -> tuple[str, ...]:
    """One row: where it is, what it sends, when, and why not if it won't."""
    try:
        coming = ", ".join(next_ticks(schedule, now)) or "never"
        last_text = "-" if last is None else _text(schedule, last)
    except CronValueError as error:
        coming, last_text = f"won't fire: {error}", "-"
    if broker.find_task(schedule.task_name) is None:
        coming += f" (the broker has no task {schedule.task_name!r}: is its module imported?)"
    return (
        type(source).__name__,
        schedule.schedule_id,
        schedule.task_name,
        in_words(schedule),
        last_text,
        coming,
    )


def in_words(schedule: ScheduledTask) -> str:
    """When a schedule is due, as people say it."""
    if schedule.cron is not None:
        return f"cron {schedule.cron} ({schedule.cron_offset or 'UTC'})"
    if schedule.interval is not None:
        return f"every {seconds_of(schedule.interval):g} s"
    if schedule.time is None:
        return "never"
    return f"once, {to_utc(schedule.time):%Y-%m-%d %H:%M:%S} UTC"


def next_ticks(schedule: ScheduledTask, now: datetime) -> list[str]:
    """When it is due next, in its own time zone.

    Raises:
        CronValueError: the cron line or the time zone can't be followed.
    """
    ticks: list[str] = []
    moment: datetime | None = now
    is_repeated = schedule.cron is not None or schedule.interval is not None
    while len(ticks) < (SHOWN if is_repeated else 1) and moment is not None:
        moment = next_tick(schedule, moment)
        if moment is not None:
            ticks.append(_text(schedule, moment))
    return ticks


def _text(schedule: ScheduledTask, moment: datetime) -> str:
    zone = zone_of(schedule.cron_offset) if schedule.cron is not None else UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
