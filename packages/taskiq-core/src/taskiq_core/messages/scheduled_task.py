"""A task that is to be sent later, or again and again."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from reprlib import repr as shortened
from typing import Any, Final, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_serializer, field_validator, model_validator

from taskiq_core.exceptions import ScheduleRefusedError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.cron_spec import CronOffset, cron_fault, read_offset

logger = get_logger(__name__)

MIN_INTERVAL: Final = 0.01
"""Seconds; a shorter interval would take a core of the scheduler for itself."""
MAX_INTERVAL: Final = timedelta.max.total_seconds()
"""Seconds; no longer one can be added to a moment."""


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
    """Refuse an interval that is not positive, or one that can't be followed.

    Raises:
        ValueError: it is shorter than `MIN_INTERVAL`, or longer than any timedelta.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds is None:
        return
    if seconds > MAX_INTERVAL:
        raise ValueError(f"an interval is in seconds, and at most {MAX_INTERVAL:.0f} of them")
    if seconds <= 0:
        given = f"{seconds:g}" if seconds >= -MAX_INTERVAL else "far below zero"
        raise ValueError(f"an interval is a positive number of seconds, not {given}")
    if seconds < MIN_INTERVAL:
        raise ValueError(f"an interval is at least {MIN_INTERVAL:g} seconds, not {seconds:g}")


def discriminate_offset(value: Any) -> str:
    """Which kind of offset this is: "timedelta", or "str" for the name of a time zone."""
    return "timedelta" if isinstance(value, timedelta) else "str"


class ScheduledTask(BaseModel):
    """What a schedule source holds: a call, and when to make it.

    With several of `cron`, `interval` and `time` it is due at the moments of each.

    Attributes:
        cron: five fields in the syntax of cron, and seconds as an optional sixth one; or "@daily"
            and the like.
        cron_offset: the time zone of `cron` by its name, or its distance from UTC; UTC if it is
            None.
        time: a moment to fire at, once. Without a time zone it is in UTC, with a warning.
        interval: seconds, or a timedelta, between two firings; at least `MIN_INTERVAL`.
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
        return read_offset(value)

    @field_serializer("missed")
    def _dump_missed(self, missed: MissedTicks) -> str:
        # Plain text, which programs without this class can unpickle.
        return str(missed)  # a StrEnum as its value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cron is None and self.time is None and self.interval is None:
            raise ValueError("a schedule needs cron, interval or time")
        validate_interval_value(self.interval)
        if self.time is not None and self.time.utcoffset() is None:
            _warn_of_naive_time(self.task_name)
            self.time = self.time.replace(tzinfo=UTC)
        return self


def is_new_beginning(before: ScheduledTask, after: ScheduledTask) -> bool:
    """Whether ticks that a schedule was due at before it was changed say nothing of it now.

    It is due at other moments, or was paused: no tick counts as missed that was not due then. What
    sources ask when a schedule takes the place of another one of its id.
    """
    return not after.has_timing_of(before) or (after.enabled and not before.enabled)


def check_new_schedule(schedule: ScheduledTask) -> None:
    """Refuse a schedule that would never fire, where it is added; for sources and clients.

    Raises:
        ScheduleRefusedError: its cron line, time zone or interval can't be followed.
    """
    reason = timing_fault(schedule)
    if reason is not None:
        raise ScheduleRefusedError(
            schedule_id=schedule.schedule_id, task_name=schedule.task_name, reason=reason
        )


require_time_zone = check_new_schedule
"""Deprecated alias: a time without zone is in UTC, and sources check all the rest, too."""


def timing_fault(schedule: ScheduledTask) -> str | None:
    """Find why the moments of a schedule can't be computed.

    Returns:
        A reason that names the cure, or None if nothing is wrong.
    """
    if schedule.cron is None and schedule.time is None and schedule.interval is None:
        return "a schedule needs cron, interval or time"
    try:
        validate_interval_value(schedule.interval)
    except ValueError as error:
        return str(error)
    if schedule.cron is None:
        return None
    if fault := cron_fault(schedule.cron):
        return bad_cron(schedule.cron, fault)
    return _zone_fault(schedule.cron_offset)


def bad_cron(cron: str, fault: object) -> str:
    """Return the text that refuses a cron line."""
    return (
        f"{shortened(cron)} is not a cron line: {fault}. It has five fields, minute, hour, day of "
        "month, month, weekday, as in '0 3 * * mon-fri'"
    )


def bad_zone(offset: CronOffset, fault: object) -> str:
    """Return the text that refuses a time zone."""
    return (
        f"{shortened(offset)} is not a time zone: {fault}. Give a name as 'Europe/Rome' or a "
        "timedelta of less than a day"
    )


def _zone_fault(offset: CronOffset | None) -> str | None:
    if offset is None:
        return None
    try:
        timezone(offset) if isinstance(offset, timedelta) else ZoneInfo(offset)
    except (LookupError, ValueError, OSError) as error:
        is_known_here = isinstance(offset, timedelta) or _has_zones()
        return bad_zone(offset, shortened(str(error))) if is_known_here else None
    return None


@lru_cache(maxsize=1)
def _has_zones() -> bool:
    """Whether this machine has a database of time zones; a client may have none."""
    try:
        ZoneInfo("Europe/London")
    except (LookupError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=1024)  # once for each task, however often its schedules are read
def _warn_of_naive_time(task_name: str) -> None:
    logger.warning(
        "A schedule of task %s has a time without time zone, which is taken for UTC. Make it with "
        "datetime.now(UTC) or datetime(..., tzinfo=ZoneInfo(...))",
        task_name,
    )
