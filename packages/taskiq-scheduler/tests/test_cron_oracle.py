"""Cron lines against an oracle that walks minute by minute, through changes of the clock."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taskiq_scheduler.ticks import cron_ticks, next_cron

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
LAST_DAY = 0  # stands for "L", which no day is


@dataclass(frozen=True)
class Field:
    """A field as text, and the values that it means; None for all."""

    text: str
    values: frozenset[int] | None

    def allows(self, value: int) -> bool:
        return self.values is None or value in self.values


ANY = Field("*", None)


@st.composite
def parts(draw: st.DrawFn, low: int, high: int, names: dict[str, int]) -> Field:
    """One item of a list: a value, a name, a range, a range with a step."""
    kind = draw(st.sampled_from(["value", "range", "stepped range", "stepped star"]))
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(2, max(2, (high - low) // 2)))
    if kind == "value":
        named = [name for name, value in names.items() if value == first]
        return Field(draw(st.sampled_from([str(first), *named])), frozenset({first}))
    if first == last:
        return Field(str(first), frozenset({first}))
    if kind == "range":
        return Field(f"{first}-{last}", frozenset(range(first, last + 1)))
    if kind == "stepped range":
        return Field(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)))
    return Field(f"*/{step}", frozenset(range(low, high + 1, step)))


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: list[str] | None = None) -> Field:
    """A list of parts, or a star."""
    if draw(st.booleans()):
        return ANY
    named = {name: low + number for number, name in enumerate(names or [])}
    items = draw(st.lists(parts(low, high, named), min_size=1, max_size=3))
    values: frozenset[int] = frozenset().union(*(item.values or () for item in items))
    text = ",".join(item.text for item in items)
    # Whether a field with every value it can have is a star, cron does not say.
    assume(len(values) < high - low + 1)
    return Field(text, values)


@dataclass(frozen=True)
class CronLine:
    minute: Field
    hour: Field
    day: Field
    month: Field = ANY
    weekday: Field = ANY
    second: Field = Field("0", frozenset({0}))

    @property
    def text(self) -> str:
        each = (self.minute, self.hour, self.day, self.month, self.weekday)
        return " ".join(field.text for field in each)

    def allows(self, local: datetime) -> bool:
        return (
            self.second.allows(local.second)
            and self.minute.allows(local.minute)
            and self.hour.allows(local.hour)
            and self.month.allows(local.month)
            and self._allows_day(local)
        )

    def _allows_day(self, local: datetime) -> bool:
        is_last = local.day == monthrange(local.year, local.month)[1]
        day = self.day.allows(local.day) or (is_last and self.day.allows(LAST_DAY))
        weekday = self.weekday.allows(local.isoweekday() % 7)
        if self.day.values is None or self.weekday.values is None:
            return day and weekday
        return day or weekday  # as cron has it where both are restricted


DAYS = st.one_of(fields(1, 31), st.just(Field("L", frozenset({LAST_DAY}))))
LINES = st.builds(
    CronLine, fields(0, 59), fields(0, 23), DAYS, fields(1, 12, MONTHS), fields(0, 6, WEEKDAYS)
)
ANY_HOUR = st.just(ANY)
NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# Zones, and days about which their clocks are changed: by an hour, by half an hour, at midnight, in
# the other half of the year, by a whole day that there never was, and never.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29)),  # noqa: DTZ001  # local dates
    ("Europe/Berlin", datetime(2026, 10, 25)),  # noqa: DTZ001
    ("America/New_York", datetime(2026, 3, 8)),  # noqa: DTZ001
    ("America/New_York", datetime(2026, 11, 1)),  # noqa: DTZ001
    ("Australia/Lord_Howe", datetime(2026, 4, 5)),  # noqa: DTZ001
    ("Australia/Lord_Howe", datetime(2026, 10, 4)),  # noqa: DTZ001
    ("America/Santiago", datetime(2026, 4, 5)),  # noqa: DTZ001
    ("America/Santiago", datetime(2026, 9, 6)),  # noqa: DTZ001
    ("Pacific/Apia", datetime(2011, 12, 30)),  # noqa: DTZ001
    ("Asia/Kathmandu", datetime(2028, 2, 29)),  # noqa: DTZ001
    ("UTC", datetime(2027, 12, 31)),  # noqa: DTZ001
]


def walk(
    line: CronLine, zone: ZoneInfo, start: datetime, end: datetime, step: timedelta = MINUTE
) -> Iterator[datetime]:
    """Every moment after the start at which the line is due, step by step."""
    before = start.astimezone(zone)
    moment = start + step
    while moment <= end:
        local = moment.astimezone(zone)
        if not local.fold and (line.allows(local) or _is_due_in_gap(line, before, local, step)):
            yield moment
        before, moment = local, moment + step


def _is_due_in_gap(line: CronLine, before: datetime, after: datetime, step: timedelta) -> bool:
    """Whether it is due at a local time that was left out between two steps."""
    left_out = before.replace(tzinfo=None) + step
    end = after.replace(tzinfo=None)
    while left_out < end:
        if line.allows(left_out):
            return True
        left_out += step
    return False


@settings(max_examples=100, deadline=None)
@given(line=LINES, change=st.sampled_from(CHANGES), hours=st.integers(-72, 24))
def test_lines_are_due_when_the_oracle_says(
    line: CronLine, change: tuple[str, datetime], hours: int
) -> None:
    zone = ZoneInfo(change[0])
    start = change[1].replace(tzinfo=UTC) + timedelta(hours=hours)
    end = start + timedelta(hours=36)

    expected = list(walk(line, zone, start, end))

    ticks = (tick for tick in cron_ticks(line.text, zone, start) if tick > start)
    assert list(takewhile(lambda tick: tick <= end, ticks)) == expected
    if expected:
        assert next_cron(line.text, zone, start) == expected[0]
        just_before = expected[-1] - timedelta(microseconds=1)
        assert next_cron(line.text, zone, just_before) == expected[-1]


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(NAMES)),
    zone=st.sampled_from(sorted({zone for zone, _ in CHANGES})),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_names_stand_for_their_lines(name: str, zone: str, start: datetime) -> None:
    assert next_cron(name, ZoneInfo(zone), start) == next_cron(NAMES[name], ZoneInfo(zone), start)


@settings(max_examples=60, deadline=None)
@given(
    line=st.builds(CronLine, fields(0, 59), ANY_HOUR, DAYS, second=fields(0, 59)),
    change=st.sampled_from(CHANGES),
    minutes=st.integers(-20, 200),
)
def test_lines_with_seconds_are_due_when_the_oracle_says(
    line: CronLine, change: tuple[str, datetime], minutes: int
) -> None:
    zone = ZoneInfo(change[0])
    start = change[1].replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=minutes)
    end = start + timedelta(minutes=20)

    expected = list(walk(line, zone, start, end, SECOND))

    ticks = (tick for tick in cron_ticks(f"{line.text} {line.second.text}", zone, start))
    assert list(takewhile(lambda tick: tick <= end, (each for each in ticks if each > start))) == (
        expected
    )
