"""When schedules are due: cron lines through both changes of the clock, intervals, moments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_core import ScheduledTask
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.timetable import next_cron, next_interval, next_tick, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]


def ticks(cron: str, zone: str, start: datetime, count: int) -> list[str]:
    found, moment = [], start
    for _ in range(count):
        moment = next_cron(cron, ZoneInfo(zone), moment) or start
        found.append(f"{moment.astimezone(ZoneInfo(zone)):%d %H:%M %z}")
    return found


def test_local_time_that_does_not_exist_is_due_once_after_the_gap() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert ticks("30 2 * * *", "Europe/Berlin", start, 3) == [
        "29 03:00 +0200",
        "30 02:30 +0200",
        "31 02:30 +0200",
    ]


def test_minutes_of_the_gap_are_due_once() -> None:
    start = datetime(2026, 3, 29, 0, 45, tzinfo=UTC)  # 01:45 in Berlin

    assert ticks("*/15 * * * *", "Europe/Berlin", start, 3) == [
        "29 03:00 +0200",
        "29 03:15 +0200",
        "29 03:30 +0200",
    ]


def test_local_time_that_exists_twice_is_due_once() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)

    assert ticks("30 2 * * *", "Europe/Berlin", start, 2) == ["25 02:30 +0200", "26 02:30 +0100"]


@pytest.mark.parametrize(
    ("cron", "tick"),
    [
        ("@daily", datetime(2026, 1, 2, tzinfo=UTC)),
        ("@hourly", datetime(2026, 1, 1, 13, tzinfo=UTC)),
        ("* * * * * 30", datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 9 * * mon", datetime(2026, 1, 5, 9, tzinfo=UTC)),
    ],
)
def test_lines_of_cron(cron: str, tick: datetime) -> None:
    assert next_cron(cron, UTC, datetime(2026, 1, 1, 12, tzinfo=UTC)) == tick


def test_never() -> None:
    assert next_cron("0 0 30 2 *", UTC, datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("cron", ["", "x", "61 * * * *", "* * *", "* * * * * * * *"])
def test_bad_line_says_so(cron: str) -> None:
    with pytest.raises(CronValueError, match="is no cron line"):
        next_cron(cron, UTC, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("offset", ["Nowhere/City", "../etc/passwd", timedelta(days=2)])
def test_bad_zone_says_so(offset: str | timedelta) -> None:
    with pytest.raises(CronValueError, match="is no time zone"):
        zone_of(offset)


def test_distance_from_utc_is_a_zone() -> None:
    schedule = ScheduledTask(
        task_name="t",
        labels={},
        args=[],
        kwargs={},
        cron="0 3 * * *",
        cron_offset=timedelta(hours=2),
    )
    again = ScheduledTask.model_validate_json(schedule.model_dump_json())

    for each in (schedule, again):
        assert next_tick(each, datetime(2026, 1, 1, tzinfo=UTC)) == datetime(
            2026, 1, 1, 1, tzinfo=UTC
        )


def test_moment_is_due_though_it_has_passed() -> None:
    schedule = ScheduledTask(
        task_name="t", labels={}, args=[], kwargs={}, time=datetime(2020, 1, 1, tzinfo=BERLIN)
    )

    assert next_tick(schedule, datetime(2026, 1, 1, tzinfo=UTC)) == datetime(
        2019, 12, 31, 23, tzinfo=UTC
    )


@given(
    seconds=st.integers(1, 10**6),
    after=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_intervals_are_anchored(seconds: int, after: datetime) -> None:
    tick = next_interval(seconds, after)

    assert 0 < (tick - after).total_seconds() <= seconds
    assert tick.timestamp() % seconds == 0


def brute_force(minute: int, hour: int, zone: ZoneInfo, after: datetime) -> datetime:
    """Walk minute by minute to the local time, or to the end of the gap that it is in."""
    moment = after.replace(second=0, microsecond=0)
    seen: set[datetime] = set()
    while True:
        before = moment.astimezone(zone).replace(tzinfo=None)
        seen.add(before)
        moment += timedelta(minutes=1)
        local = moment.astimezone(zone).replace(tzinfo=None)
        wanted = local.replace(hour=hour, minute=minute)
        if local == wanted and local not in seen and moment > after:
            # Was it there an hour or so before, when clocks were put back?
            first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if first == moment:
                return moment
        if (
            before < wanted < local
            and wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            != wanted
        ):
            return moment


@settings(max_examples=60, deadline=None)
@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(ZONES),
    # Around both changes, in all of these zones.
    after=st.one_of(
        st.datetimes(datetime(2026, 3, 6), datetime(2026, 4, 8), timezones=st.just(UTC)),  # noqa: DTZ001
        st.datetimes(datetime(2026, 10, 1), datetime(2026, 11, 5), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
)
def test_daily_lines_are_those_of_brute_force(
    minute: int, hour: int, zone: str, after: datetime
) -> None:
    after = after.replace(second=0, microsecond=0)

    expected = brute_force(minute, hour, ZoneInfo(zone), after)

    assert next_cron(f"{minute} {hour} * * *", ZoneInfo(zone), after) == expected
