"""Selects the passed ticks that are sent; no I/O, no clock."""

from datetime import datetime, timedelta
from typing import Final

from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_scheduler.ticks import latest_ticks, to_utc

LIMIT: Final = 1_000
"""How many missed ticks of one schedule are made up for."""
ON_TIME: Final = 10.0
"""Seconds that a tick of a schedule may be late whose missed ticks are skipped."""
_MOMENT: Final = timedelta(microseconds=1)


def ticks_to_send(schedule: ScheduledTask, first: datetime, now: datetime) -> list[datetime]:
    """Return the ticks up to now that the policy and the grace of a schedule let through.

    Args:
        schedule: has policy and grace.
        first: the earliest tick that was not looked at.
        now: when they are looked at.

    Returns:
        Ticks in UTC, earliest first, at most `LIMIT`.
    """
    if schedule.is_repeated:
        limit = LIMIT if schedule.missed is MissedTicks.ALL else 1
        ticks = latest_ticks(schedule, first - _MOMENT, now, limit)
    else:
        ticks = [to_utc(first)]
    return [tick for tick in ticks if not is_too_late(schedule, tick, now)]


def is_too_late(schedule: ScheduledTask, tick: datetime, now: datetime) -> bool:
    """Return whether a tick is later than the grace of its schedule.

    Args:
        schedule: has the grace; without one, missed ticks are sent however late, unless it skips
            them: then a tick may be `ON_TIME` seconds late.
        tick: when it was due.
        now: when it would be sent.
    """
    grace = schedule.grace
    if grace is None:
        if schedule.missed is not MissedTicks.SKIP:
            return False
        grace = ON_TIME
    return (now - tick).total_seconds() > grace
