"""Schedules of some sources, with their last and next ticks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.abc.tick_claims import TickClaims
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import reason_of
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_web.access import Access
from taskiq_web.reads.broker_queues import has
from taskiq_web.reads.content import parameter_names
from taskiq_web.render.values import ValueReader

COMING = 3
"""How many of the next ticks are shown."""
MAX_SCHEDULES = 1_000
"""Schedules of one source that are shown."""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One schedule.

    Attributes:
        source: the number of its source.
        schedule_id: its id.
        task_name: what it sends.
        when: its cron line, interval or moment.
        is_enabled: whether it is not paused.
        last: its last tick that was sent, as far as that is known.
        coming: its next ticks.
        missed: a tick that should have been sent and was not.
        problem: why it won't fire; empty if it will.
        args: of the task, as far as the viewer may see them.
        kwargs: likewise.
    """

    source: int
    schedule_id: str
    task_name: str
    when: str
    is_enabled: bool
    last: datetime | None = None
    coming: Sequence[datetime] = ()
    missed: datetime | None = None
    problem: str = ""
    args: Any = ()
    kwargs: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The schedules of one source.

    Attributes:
        number: of the source, from 0.
        name: its class.
        rows: its schedules.
        problem: why it can't be asked; empty if it can.
        can_change: whether schedules can be added and deleted.
        is_cut: whether it has more schedules than are shown.
    """

    number: int
    name: str
    rows: Sequence[ScheduleRow] = ()
    problem: str = ""
    can_change: bool = False
    is_cut: bool = False


async def read_schedules(
    sources: Sequence[ScheduleSource], broker: AsyncBroker, access: Access, *, grace: float
) -> list[SourceReport]:
    """Ask schedule sources for their schedules.

    Args:
        sources: are started.
        broker: is started; its claims say what was sent last where a source keeps none.
        access: of the viewer.
        grace: seconds that a tick may be late.
    """
    claims = broker.tick_claims() if has(broker, Capability.CLAIMS) else None
    reports = (
        _report(number, source, claims, access, grace, broker)
        for number, source in enumerate(sources)
    )
    return list(await asyncio.gather(*reports))


def can_change(source: ScheduleSource) -> bool:
    """Return whether schedules of a source can be added, changed and deleted."""
    cls = type(source)
    return (
        cls.add_schedule is not ScheduleSource.add_schedule
        and cls.delete_schedule is not ScheduleSource.delete_schedule
    )


async def _report(
    number: int,
    source: ScheduleSource,
    claims: TickClaims | None,
    access: Access,
    grace: float,
    broker: AsyncBroker,
) -> SourceReport:
    name = type(source).__name__
    try:
        found = await source.get_schedules()
        schedules = found[:MAX_SCHEDULES]
        last = await _last_ticks(source, claims, [each.schedule_id for each in schedules])
    except Exception as error:  # noqa: BLE001  # one source must not hide the others
        return SourceReport(number, name, problem=f"It can't be asked: {reason_of(error)}")
    now = datetime.now(UTC)
    rows = [
        _row(number, each, last.get(each.schedule_id), now, access, grace, broker)
        for each in schedules
    ]
    rows.sort(key=lambda row: (row.task_name, row.when, row.schedule_id))
    is_cut = len(found) > MAX_SCHEDULES
    return SourceReport(number, name, rows, can_change=can_change(source), is_cut=is_cut)


async def _last_ticks(
    source: ScheduleSource, claims: TickClaims | None, ids: Sequence[str]
) -> dict[str, datetime]:
    if source.can_claim:
        return await source.last_ticks(ids)
    return {} if claims is None else await claims.last_ticks(ids)


def _row(
    number: int,
    schedule: ScheduledTask,
    last: datetime | None,
    now: datetime,
    access: Access,
    grace: float,
    broker: AsyncBroker,
) -> ScheduleRow:
    coming: Sequence[datetime] = ()
    missed: datetime | None = None
    problem = ""
    if schedule.enabled:
        try:
            coming = _coming(schedule, now)
            missed = _missed(schedule, last, now, grace)
        except Exception as error:  # noqa: BLE001  # a cron line from anywhere
            problem = f"It won't fire: {reason_of(error)}"
    reader = ValueReader(access)
    names = parameter_names(broker, schedule.task_name)
    return ScheduleRow(
        source=number,
        schedule_id=schedule.schedule_id,
        task_name=schedule.task_name,
        when=when_text(schedule),
        is_enabled=schedule.enabled,
        last=last,
        coming=coming,
        missed=missed,
        problem=problem,
        args=[
            reader.read(value, name=name)
            for value, name in zip_longest(schedule.args, names[: len(schedule.args)], fillvalue="")
        ],
        kwargs=reader.read(schedule.kwargs),
    )


def when_text(schedule: ScheduledTask) -> str:
    """Return when a schedule is due, in words."""
    parts: list[str] = []
    if schedule.cron is not None:
        zone = f" {schedule.cron_offset}" if schedule.cron_offset is not None else ""
        parts.append(f"{schedule.cron}{zone}")
    if schedule.interval is not None:
        interval = schedule.interval
        seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
        parts.append(f"every {seconds:g} s")
    if schedule.time is not None:
        parts.append(f"at {schedule.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    return ", ".join(parts)


def _coming(schedule: ScheduledTask, now: datetime) -> list[datetime]:
    ticks: list[datetime] = []
    tick = now
    while len(ticks) < COMING:
        following = _next_tick(schedule, tick)
        if following is None or following in ticks:
            break
        ticks.append(following)
        tick = following
    return ticks


def _missed(
    schedule: ScheduledTask, last: datetime | None, now: datetime, grace: float
) -> datetime | None:
    """Return the first tick after the last one that was sent, if it is too late."""
    if last is None or not schedule.is_repeated:
        return None
    following = _next_tick(schedule, last)
    is_late = following is not None and following < now - timedelta(seconds=grace)
    return following if is_late else None


def _next_tick(schedule: ScheduledTask, after: datetime) -> datetime | None:
    try:
        from taskiq_scheduler import next_tick
    except ImportError:
        return None
    return next_tick(schedule, after)
