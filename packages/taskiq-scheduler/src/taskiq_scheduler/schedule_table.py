"""Schedules as rows of a table: when each fires, and why not if it won't."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import reason_of
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.describe import timing_text
from taskiq_scheduler.errors import BadScheduleError, ScheduleValueError
from taskiq_scheduler.missed import is_too_late
from taskiq_scheduler.ticks import ticks_after, to_utc, zone_of
from taskiq_scheduler.validation import check_timing

HEADINGS: Final = ("SOURCE", "SCHEDULE", "TASK", "WHEN", "LAST", "NEXT")
SHOWN: Final = 3
"""How many of the next ticks are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        cells: one for each heading.
        is_broken: whether the schedule can't be followed, or its source can't be read.
        last: its last tick; None if it has not been sent yet.
        coming: its next ticks; empty if it won't fire.
    """

    cells: tuple[str, ...]
    is_broken: bool = False
    last: datetime | None = None
    coming: tuple[datetime, ...] = ()


def as_object(row: Row) -> dict[str, Any]:
    """Return a row for JSON: moments in UTC, and what is remarkable about the schedule as text."""
    source, schedule_id, task_name, when, _, text = row.cells
    return {
        "source": source,
        "schedule_id": schedule_id,
        "task_name": task_name,
        "when": when,
        "last": None if row.last is None else to_utc(row.last).isoformat(),
        "next": [to_utc(moment).isoformat() for moment in row.coming],
        "remark": None if row.coming else text,
        "is_broken": row.is_broken,
    }


async def rows_of(source: ScheduleSource, broker: AsyncBroker, now: datetime) -> list[Row]:
    """Make a row for each schedule of a source.

    Args:
        source: is started and stopped.
        broker: whose tasks the schedules should name.
        now: the next tick is after this moment.

    Returns:
        The rows; a single one that says why, if the source can't be read.
    """
    name = type(source).__name__
    try:
        await source.startup()
        try:
            schedules = await source.get_schedules()
            last = await source.last_ticks([each.schedule_id for each in schedules])
        finally:
            await source.shutdown()
    except Exception as error:  # noqa: BLE001  # one source must not hide the others
        unread = (name, "-", "-", f"can't be asked: {reason_of(error)}", "-", "-")
        return [Row(unread, is_broken=True)]
    rows = [_row(name, each, last.get(each.schedule_id), now) for each in schedules]
    unknown = {each.task_name for each in schedules if _is_unknown(each, broker)}
    rows = [_with_note(row) if row.cells[2] in unknown else row for row in rows]
    problems: list[BadScheduleError] = getattr(source, "problems", [])
    rows += [
        Row((name, each.schedule_id, each.task_name, "?", "-", f"won't fire: {each.reason}"), True)
        for each in problems
    ]
    return rows


def _row(source: str, schedule: ScheduledTask, last: datetime | None, now: datetime) -> Row:
    moments: list[datetime] = []
    try:
        check_timing(schedule)
        remark = "paused" if not schedule.enabled else _obstacle(schedule, last, now)
        if remark is None:
            moments = next_moments(schedule, now)
        texts = [_text(schedule, moment) for moment in moments]
        coming = remark or ", ".join(texts) or "won't fire: there is no such moment"
        last_text = "-" if last is None else _text(schedule, last)
        is_broken = False
    except ScheduleValueError as error:
        coming, last_text, is_broken = f"won't fire: {error}", "-", True
    when = timing_text(schedule)
    cells = (source, schedule.schedule_id, schedule.task_name, when, last_text, coming)
    return Row(cells, is_broken, last, tuple(moments))


def _is_unknown(schedule: ScheduledTask, broker: AsyncBroker) -> bool:
    return bool(broker.get_all_tasks()) and broker.find_task(schedule.task_name) is None


def _with_note(row: Row) -> Row:
    *cells, coming = row.cells
    return replace(row, cells=(*cells, f"{coming} (the broker has no such task here)"))


def next_moments(schedule: ScheduledTask, now: datetime) -> list[datetime]:
    """Return the next moments at which a schedule is due.

    Raises:
        ScheduleValueError: the cron line or the time zone can't be followed.
    """
    if not schedule.is_repeated:
        return [] if schedule.time is None else [schedule.time]
    return list(islice(ticks_after(schedule, now), SHOWN))


def _obstacle(schedule: ScheduledTask, last: datetime | None, now: datetime) -> str | None:
    """Return why a schedule that fires once won't fire any more; None if it will."""
    if schedule.time is not None and not schedule.is_repeated:
        moment = to_utc(schedule.time)
        if last is not None and moment <= last:
            return "won't fire: it was sent"
        if is_too_late(schedule, moment, now):
            return "won't fire: its moment has passed, and its grace"
    return None


def _text(schedule: ScheduledTask, moment: datetime) -> str:
    if schedule.cron is not None:
        zone = zone_of(schedule.cron_offset)
    else:
        zone = (schedule.time.tzinfo if schedule.time is not None else None) or UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
