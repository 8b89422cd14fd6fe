"""CronSpec: the fields of a cron line by their names; and what a cron line may look like."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, TypeAdapter, field_validator

CronOffset: TypeAlias = str | timedelta
"""A time zone by its name, or its distance from UTC."""

MAX_CRON_LENGTH: Final = 1_000
"""Characters of a cron line; every number of every field, written out, takes about 500."""

_ALIASES: Final = frozenset(
    {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
)
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_WEEKDAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: Final[tuple[tuple[str, range, Sequence[str]], ...]] = (
    ("minute", range(60), []),
    ("hour", range(24), []),
    ("day of month", range(1, 32), []),
    ("month", range(1, 13), _MONTHS),
    ("weekday", range(8), _WEEKDAYS),
    ("second", range(60), []),
    ("year", range(1970, 2100), []),
)
_FULL_WEEKDAY: Final = re.compile(r"\b(sun|mon|tue|wed|thu|fri|sat)(?:s|nes|rs|ur)?day\b")
_ITEM: Final = re.compile(
    r"(?:[*?]|l|[lw]?(?P<first>[a-z]{3}|\d+)(?:-(?:l|(?P<last>[a-z]{3}|\d+)))?w?(?:#[1-5l])?)(?:/0*[1-9]\d*)?",
    re.ASCII,
)


class CronSpec(BaseModel):
    """When to fire, in the syntax of cron; None is the same as "*".

    Attributes:
        offset: the time zone by its name, or its distance from UTC; UTC if it is None.
    """

    minutes: str | int | None = "*"
    hours: str | int | None = "*"
    days: str | int | None = "*"
    months: str | int | None = "*"
    weekdays: str | int | None = "*"
    offset: CronOffset | None = None

    @field_validator("offset", mode="before")
    @classmethod
    def _read_offset(cls, value: Any) -> Any:
        return read_offset(value)

    def to_cron(self) -> str:
        """Return the five fields as one line."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join("*" if field is None else str(field) for field in fields)


def read_offset(value: Any) -> Any:
    """Restore a timedelta from the ISO 8601 text that JSON has for it; other values stay."""
    # No name of a time zone looks like that.
    if isinstance(value, str) and re.match(r"[+-]?P[\dT]", value):
        return _TIMEDELTA.validate_python(value)
    return value


def canonical_cron(cron: str) -> str:
    """Return a cron line in lower case, with weekdays by the first three letters of their names."""
    return _FULL_WEEKDAY.sub(r"\1", cron.lower())


def cron_fault(cron: str) -> str | None:
    """Find what is wrong with a cron line, as far as its syntax shows.

    Needs no cron library, so that every client can ask. The scheduler, which has one, may refuse
    more.

    Returns:
        A reason, or None if the syntax is right.
    """
    if len(cron) > MAX_CRON_LENGTH:
        return f"it has {len(cron):,} characters, and {MAX_CRON_LENGTH:,} are the limit"
    line = canonical_cron(cron).strip()
    if line in _ALIASES:
        return None
    fields = line.split()
    if len(fields) not in {5, 6, 7}:
        return f"it has {len(fields)} fields"
    for text, (name, numbers, names) in zip(fields, _FIELDS, strict=False):
        for item in text.split(","):
            if not _is_item(item, numbers, names):
                return f"{item!r} does not fit the field {name}"
    return None


def _is_item(item: str, numbers: range, names: Sequence[str]) -> bool:
    found = _ITEM.fullmatch(item)
    if found is None:
        return False
    ends = [end for end in found.group("first", "last") if end is not None]
    return all(end in names or (end.isdecimal() and int(end) in numbers) for end in ends)


_TIMEDELTA: TypeAdapter[timedelta] = TypeAdapter(timedelta)
