"""When a schedule is due next; no I/O, no clock.

A cron line is followed on the wall clock of its time zone. A local time that does not exist,
because clocks are put forward, is due once, at the end of the gap; one that exists twice is due
once, the first time. Intervals are counted from the epoch, so that they neither drift nor begin
anew with a deploy.
"""

import re
from collections import deque
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from taskiq_core.messages.scheduled_task import CronOffset, ScheduledTask
from taskiq_scheduler.errors import CronValueError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_REACH: Final = timedelta(minutes=1)
_RANDOM_FIELD: Final = re.compile(r"[rR]($|[(/])")


def next_tick(schedule: ScheduledTask, after: datetime) -> datetime | None:
    """The first moment after this one at which the schedule is due, in UTC.

    Args:
        schedule: what is due at `time`, at its cron line or at multiples of its interval.
        after: an aware datetime.

    Returns:
        None if it is never due again. A `time` that has passed is due once, so that a one-shot
        schedule is not lost while no scheduler runs: whoever sent it deletes it.

    Raises:
        CronValueError: the cron line or the time zone can't be followed.
    """
    if schedule.cron is not None:
        return next_cron(schedule.cron, zone_of(schedule.cron_offset), after)
    if schedule.interval is not None:
        return next_interval(schedule.interval, after)
    return None if schedule.time is None else to_utc(schedule.time)


def latest_ticks(
    schedule: ScheduledTask, after: datetime, until: datetime, limit: int
) -> list[datetime]:
    """The last moments of a span at which a repeated schedule is due.

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
    """The moments after this one at which a repeated schedule is due, in UTC."""
    if schedule.cron is not None:
        zone = zone_of(schedule.cron_offset)
        yield from (tick for tick in cron_ticks(schedule.cron, zone, after) if tick > after)
    elif schedule.interval is not None:
        tick = after
        while True:
            tick = next_interval(schedule.interval, tick)
            yield tick


@lru_cache(maxsize=4096)  # many schedules have the same line, and are asked at the same moment
def next_cron(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """The first moment after this one at which a cron line is due; None for never."""
    return next((tick for tick in cron_ticks(cron, zone, after) if tick > after), None)


def cron_ticks(cron: str, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    """The moments at which a cron line is due, from about `start` on, each once."""
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
    """The first multiple of the interval after this moment, counted from the epoch."""
    # In whole microseconds: a sum of floats would now and then be a tick that was there before.
    step = interval if isinstance(interval, timedelta) else timedelta(seconds=interval)
    count = (after - _EPOCH) // step + 1
    return _EPOCH + count * step


def seconds_of(interval: int | timedelta) -> float:
    """An interval in seconds."""
    return interval.total_seconds() if isinstance(interval, timedelta) else float(interval)


def to_utc(moment: datetime) -> datetime:
    """A moment in UTC; a naive datetime is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=1024)
def zone_of(offset: CronOffset | None) -> tzinfo:
    """The time zone of a name or of a distance from UTC.

    Raises:
        CronValueError: there is none of that name, or the distance is a day or more.
    """
    if offset is None:
        return UTC
    try:
        return timezone(offset) if isinstance(offset, timedelta) else ZoneInfo(offset)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        reason = f"{offset!r} is no time zone: {error}. Give a name as 'Europe/Rome' or a timedelta"
        raise CronValueError(reason=reason) from error


@lru_cache(maxsize=4096)
def _parsed(cron: str) -> croniter:
    if any(map(_RANDOM_FIELD.match, cron.split())):
        reason = f"{cron!r} is no cron line here: each scheduler would draw moments of its own"
        raise CronValueError(reason=reason)
    try:
        return croniter(cron, _EPOCH.replace(tzinfo=None))
    except (CroniterBadCronError, ValueError, KeyError) as error:
        reason = (
            f"{cron!r} is no cron line: {error}. It has five fields, minute, hour, day of month, "
            "month, weekday, as in '0 3 * * mon-fri'"
        )
        raise CronValueError(reason=reason) from error


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
    """The moment between these two at which the offset changes, to the second."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
