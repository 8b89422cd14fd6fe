"""A schedule as a line of text: when it fires, and why not if it won't."""

from datetime import UTC, datetime
from itertools import islice
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.checking import check_schedule
from taskiq_scheduler.errors import BadScheduleError, ScheduleValueError
from taskiq_scheduler.missed import is_too_late
from taskiq_scheduler.timetable import ticks_after, to_utc, zone_of
from taskiq_scheduler.words import in_words

HEADINGS: Final = ("SOURCE", "SCHEDULE", "TASK", "WHEN", "LAST", "NEXT")
SHOWN: Final = 3
"""How many of the next ticks are shown."""


async def rows_of(
    source: ScheduleSource, broker: AsyncBroker, now: datetime
) -> list[tuple[str, ...]]:
    """The schedules of a source; or one row that says why it can't be asked."""
    name = type(source).__name__
    try:
        await source.startup()
        try:
            schedules = await source.get_schedules()
            last = await source.last_ticks([each.schedule_id for each in schedules])
        finally:
            await source.shutdown()
    except Exception as error:  # noqa: BLE001  # one source must not hide the others
        reason = str(error) or type(error).__name__
        return [(name, "-", "-", f"can't be asked: {reason}", "-", "-")]
    rows = [(name, *describe(each, last.get(each.schedule_id), now, broker)) for each in schedules]
    problems: list[BadScheduleError] = getattr(source, "problems", [])
    rows += [
        (name, each.schedule_id, each.task_name, "?", "-", f"won't fire: {each.reason}")
        for each in problems
    ]
    return rows


def describe(
    schedule: ScheduledTask, last: datetime | None, now: datetime, broker: AsyncBroker
) -> tuple[str, ...]:
    """What a schedule sends, when, when it did last, and when it will."""
    try:
        check_schedule(schedule, broker)
        coming = "paused" if not schedule.enabled else _coming(schedule, last, now)
        last_text = "-" if last is None else _text(schedule, last)
    except ScheduleValueError as error:
        coming, last_text = f"won't fire: {error}", "-"
    return (schedule.schedule_id, schedule.task_name, in_words(schedule), last_text, coming)


def next_ticks(schedule: ScheduledTask, now: datetime) -> list[str]:
    """When it is due next, in its own time zone.

    Raises:
        ScheduleValueError: the cron line or the time zone can't be followed.
    """
    if not schedule.is_repeated:
        return [] if schedule.time is None else [_text(schedule, schedule.time)]
    return [_text(schedule, tick) for tick in islice(ticks_after(schedule, now), SHOWN)]


def _coming(schedule: ScheduledTask, last: datetime | None, now: datetime) -> str:
    if schedule.time is not None and not schedule.is_repeated:
        moment = to_utc(schedule.time)
        if last is not None and moment <= last:
            return "won't fire: it was sent"
        if is_too_late(schedule, moment, now):
            return "won't fire: its moment has passed, and its grace"
    return ", ".join(next_ticks(schedule, now)) or "won't fire: there is no such moment"


def _text(schedule: ScheduledTask, moment: datetime) -> str:
    if schedule.cron is not None:
        zone = zone_of(schedule.cron_offset)
    else:
        zone = (schedule.time.tzinfo if schedule.time is not None else None) or UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
