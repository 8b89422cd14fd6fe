"""Ticks of schedules as numbers: microseconds since the epoch."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from taskiq_redis.queue.codec import shown

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def tick_number(schedule_id: str, tick: datetime) -> int:
    """Return a tick as a number; ValueError if it has no time zone."""
    if tick.tzinfo is None:
        raise ValueError(
            f"the tick {tick} of schedule {schedule_id!r} has no time zone, give it one: UTC"
        )
    return (tick - _EPOCH) // _MICROSECOND


def read_tick(number: bytes | None) -> datetime | None:
    """Return a stored tick, in UTC; None if there is none, or it can't be read."""
    try:
        return _EPOCH + int(number or b"") * _MICROSECOND
    except (ValueError, OverflowError):
        return None


def read_claims(members: Iterable[bytes]) -> list[tuple[str, datetime]]:
    """Return claims as schedule id and tick, without unreadable ones.

    Args:
        members: `schedule id, line feed, tick`, as scripts keep them.
    """
    parts = (each.rpartition(b"\n") for each in members)
    ticks = ((shown(schedule_id), read_tick(tick)) for schedule_id, _, tick in parts)
    return [(schedule_id, tick) for schedule_id, tick in ticks if tick is not None]


def read_last_ticks(ids: Iterable[str], found: Iterable[bytes | None]) -> dict[str, datetime]:
    """Return the readable last ticks by schedule id."""
    ticks = ((each, read_tick(tick)) for each, tick in zip(ids, found, strict=True))
    return {each: tick for each, tick in ticks if tick is not None}
