"""A task that is to be sent later, or again and again."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, TypeAlias
from uuid import uuid4

from pydantic import BaseModel, Field, TypeAdapter, field_validator, model_validator

CronOffset: TypeAlias = str | timedelta
"""A time zone by its name, or its distance from UTC."""


class MissedTicks(StrEnum):
    """What becomes of ticks that were due while no scheduler looked.

    A tick is one moment at which a schedule is due.
    """

    SKIP = "skip"
    """They are not sent."""
    ONCE = "once"
    """The latest of them is sent."""
    ALL = "all"
    """They are sent one by one, earliest first; of very many, the latest thousand."""


def validate_interval_value(value: int | timedelta | None) -> None:
    """Refuse an interval that is not positive.

    Raises:
        ValueError: it is zero or negative.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds is not None and seconds <= 0:
        raise ValueError(f"an interval is a positive number of seconds, not {seconds:g}")


def discriminate_offset(value: Any) -> str:
    """Which kind of offset this is: "timedelta", or "str" for the name of a time zone."""
    return "timedelta" if isinstance(value, timedelta) else "str"


class ScheduledTask(BaseModel):
    """What a schedule source holds: a call, and when to make it.

    Attributes:
        cron: five fields in the syntax of cron, and seconds as an optional sixth one; or "@daily"
            and the like.
        cron_offset: the time zone of `cron` by its name, or its distance from UTC; UTC if it is
            None.
        time: the one moment to fire at.
        interval: seconds, or a timedelta, between two firings.
        enabled: False pauses the schedule: it stays where it is, and nothing is sent.
        missed: what becomes of ticks that were due while no scheduler looked.
        grace: seconds that a tick may be late and still be sent; None for no limit. With
            `MissedTicks.SKIP` None stands for ten seconds.
    """

    task_name: str
    labels: dict[str, Any]
    args: list[Any]
    kwargs: dict[str, Any]
    task_id: str | None = None
    schedule_id: str = Field(default_factory=lambda: uuid4().hex)
    cron: str | None = None
    cron_offset: CronOffset | None = None
    time: datetime | None = None
    interval: int | timedelta | None = None
    enabled: bool = True
    missed: MissedTicks = MissedTicks.ONCE
    grace: float | None = Field(default=None, ge=0)

    @property
    def is_repeated(self) -> bool:
        """Whether it is due more than once."""
        return self.cron is not None or self.interval is not None

    def has_timing_of(self, other: "ScheduledTask") -> bool:
        """Whether the other one is due at the same moments."""
        return (self.cron, self.cron_offset, self.interval, self.time) == (
            other.cron,
            other.cron_offset,
            other.interval,
            other.time,
        )

    @field_validator("cron_offset", mode="before")
    @classmethod
    def _read_offset(cls, value: Any) -> Any:
        # A timedelta travels as ISO 8601 text, which no time zone looks like.
        if isinstance(value, str) and value.lstrip("+-").startswith("P"):
            return _TIMEDELTA.validate_python(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cron is None and self.time is None and self.interval is None:
            raise ValueError("a schedule needs cron, interval or time")
        validate_interval_value(self.interval)
        return self


def is_new_beginning(before: ScheduledTask, after: ScheduledTask) -> bool:
    """Whether ticks that a schedule was due at before it was changed say nothing of it now.

    It is due at other moments, or was paused: no tick counts as missed that was not due then. What
    sources ask when a schedule takes the place of another one of its id.
    """
    return not after.has_timing_of(before) or (after.enabled and not before.enabled)


def require_time_zone(schedule: ScheduledTask) -> None:
    """Refuse a schedule whose time has no time zone; for sources, when one is added.

    Raises:
        ValueError: it has none.
    """
    if wrong := wrong_time(schedule.time):
        raise ValueError(
            f"Task {schedule.task_name!r} is not scheduled (schedule {schedule.schedule_id!r}): "
            f"{wrong}"
        )


def wrong_time(time: datetime | None) -> str | None:
    """What is wrong with the time of a schedule; None if nothing is."""
    if time is None or time.utcoffset() is not None:
        return None
    return (
        f"its time {time} has no time zone. Make it with datetime.now(UTC) or "
        "datetime(..., tzinfo=ZoneInfo(...))"
    )


_TIMEDELTA: TypeAdapter[timedelta] = TypeAdapter(timedelta)
