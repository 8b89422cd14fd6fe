"""Computes when a schedule is due; no I/O, no clock.

A cron line is followed on the wall clock of its time zone. A local time that does not exist,
because clocks are put forward, is due once, at the end of the gap; one that exists twice is due
once, the first time. Intervals are counted from the epoch, so that they neither drift nor begin
again with a deploy.
"""

from collections import deque
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from heapq import merge
from itertools import takewhile
from reprlib import repr as shortened
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from taskiq_core.messages.cron_spec import MAX_CRON_LENGTH, CronOffset, canonical_cron, cron_fault
from taskiq_core.messages.scheduled_task import ScheduledTask, bad_cron, bad_zone
from taskiq_scheduler.errors import CronValueError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_REACH: Final = timedelta(minutes=1)


def next_tick(schedule: ScheduledTask, after: datetime) -> datetime | None:
    """Return the first moment after another one at which the schedule is due, in UTC.

    Args:
        schedule: is due at `time`, at its cron line and at multiples of its interval.
        after: an aware datetime.

    Returns:
        None if it is never due again. A schedule that fires once is due although its time has
        passed, so that it is not lost while no scheduler runs; its sender deletes it.

    Raises:
        CronValueError: the cron line or the time zone can't be followed.
    """
    if not schedule.is_repeated:
        return None if schedule.time is None else to_utc(schedule.time)
    found: list[datetime] = []
    if schedule.cron is not None:
        tick = next_cron(schedule.cron, zone_of(schedule.cron_offset), after)
        found += [] if tick is None else [tick]
    if schedule.interval is not None:
        found.append(next_interval(schedule.interval, after))
    if schedule.time is not None and to_utc(schedule.time) > after:
        found.append(to_utc(schedule.time))
    return min(found, default=None)


def running_ticks(schedule: ScheduledTask, now: datetime) -> list[datetime]:
    """Return the ticks of a repeated schedule that are due when it is first seen.

    They are the latest one of its cron line in the running minute, the one that its interval began
    with, and a `time` that has passed.

    Returns:
        Moments in UTC up to `now`, earliest first, each once.
    """
    found: set[datetime] = set()
    if schedule.cron is not None and (tick := cron_tick_of_minute(schedule, now)) is not None:
        found.add(tick)
    if schedule.interval is not None:
        found.add(next_interval(schedule.interval, now) - _step(schedule.interval))
    if schedule.time is not None and to_utc(schedule.time) <= now:
        found.add(to_utc(schedule.time))
    return sorted(found)


def cron_tick_of_minute(schedule: ScheduledTask, now: datetime) -> datetime | None:
    """Return the latest tick of the schedule's cron line in the running minute; None without."""
    if schedule.cron is None:
        return None
    zone = zone_of(schedule.cron_offset)
    found: datetime | None = None
    tick = now.replace(second=0, microsecond=0) - timedelta(microseconds=1)
    # By the cached function, as many schedules have the same line.
    while (following := next_cron(schedule.cron, zone, tick)) is not None and following <= now:
        found = tick = following
    return found


def latest_ticks(
    schedule: ScheduledTask, after: datetime, until: datetime, limit: int
) -> list[datetime]:
    """Return the last moments of a span at which a repeated schedule is due.

    What it costs grows with the limit, not with the span.

    Args:
        schedule: has a cron line or an interval.
        after: the span begins after this moment.
        until: it ends with this one.
        limit: how many moments at most.

    Returns:
        Moments in UTC, earliest first.
    """
    reach = _FIRST_REACH
    while True:
        start = after if until - after <= reach else until - reach
        coming = takewhile(lambda tick: tick <= until, ticks_after(schedule, start))
        ticks = deque(coming, maxlen=limit)
        if start == after or len(ticks) == limit:
            return list(ticks)
        reach *= 4


def ticks_after(schedule: ScheduledTask, after: datetime) -> Iterator[datetime]:
    """Yield the moments after another one at which a repeated schedule is due, in UTC."""
    parts: list[Iterator[datetime]] = []
    if schedule.cron is not None:
        parts.append(_cron_after(schedule.cron, schedule.cron_offset, after))
    if schedule.interval is not None:
        parts.append(_interval_after(schedule.interval, after))
    if schedule.time is not None and to_utc(schedule.time) > after:
        parts.append(iter([to_utc(schedule.time)]))
    last: datetime | None = None
    for tick in parts[0] if len(parts) == 1 else merge(*parts):
        if tick != last:
            yield tick
        last = tick


def _cron_after(cron: str, offset: CronOffset | None, after: datetime) -> Iterator[datetime]:
    return (tick for tick in cron_ticks(cron, zone_of(offset), after) if tick > after)


def _interval_after(interval: float | timedelta, after: datetime) -> Iterator[datetime]:
    tick = after
    while True:
        tick = next_interval(interval, tick)
        yield tick


@lru_cache(maxsize=4096)  # many schedules have the same line, and are asked at the same moment
def next_cron(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """Return the first moment after another one at which a cron line is due; None for never.

    Args:
        cron: the line.
        zone: its time zone.
        after: the other moment.
    """
    return next((tick for tick in cron_ticks(cron, zone, after) if tick > after), None)


def cron_ticks(cron: str, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    """Yield the moments at which a cron line is due, each once.

    Args:
        cron: the line.
        zone: its time zone.
        start: about when the first moment is; it may be a little earlier.
    """
    times = copy(_parsed(cron))
    times.set_current(start.astimezone(zone).replace(tzinfo=None), force=True)
    last: datetime | None = None
    while True:
        try:
            found: datetime = times.get_next(datetime)
        except CroniterBadDateError:
            return  # as for the 30th of February
        tick = _as_moment(found, zone)
        if tick != last:
            yield tick
        last = tick


def next_interval(interval: float | timedelta, after: datetime) -> datetime:
    """Return the first multiple of the interval after a moment, counted from the epoch."""
    # In whole microseconds: a sum of floats would now and then be a tick that was there before.
    step = _step(interval)
    count = (after - _EPOCH) // step + 1
    return _EPOCH + count * step


def _step(interval: float | timedelta) -> timedelta:
    return interval if isinstance(interval, timedelta) else timedelta(seconds=interval)


def to_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; a naive datetime is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=1024)
def zone_of(offset: CronOffset | None) -> tzinfo:
    """Return the time zone of a name, or of a distance from UTC.

    Raises:
        CronValueError: there is no zone of that name, or the distance is a day or more.
    """
    if offset is None:
        return UTC
    try:
        return timezone(offset) if isinstance(offset, timedelta) else ZoneInfo(offset)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronValueError(reason=bad_zone(offset, shortened(str(error)))) from error


def check_cron(cron: str) -> None:
    """Refuse a cron line that can't be followed; raises CronValueError."""
    _parsed(cron)


def _parsed(cron: str) -> croniter:
    if len(cron) > MAX_CRON_LENGTH:  # before it is looked up: the cache would keep it
        raise CronValueError(reason=bad_cron(cron, cron_fault(cron)))
    return _parse(cron)


@lru_cache(maxsize=4096)
def _parse(cron: str) -> croniter:
    if (fault := cron_fault(cron)) is not None:
        raise CronValueError(reason=bad_cron(cron, fault))
    try:
        return croniter(canonical_cron(cron), _EPOCH.replace(tzinfo=None))
    except (CroniterBadCronError, ValueError, KeyError) as error:
        raise CronValueError(reason=bad_cron(cron, error)) from error


def _as_moment(local: datetime, zone: tzinfo) -> datetime:
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    back = moment.astimezone(zone).replace(tzinfo=None)
    if back == local:
        return moment
    # Between the offsets before and after a gap lies its length; 02:30 and 03:10 are its end alike.
    before = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    return _end_of_gap(moment - abs(before - after), moment, zone)


def _end_of_gap(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """Find the moment between two others at which the offset changes, to the second."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
