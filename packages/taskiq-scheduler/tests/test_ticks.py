"""When schedules are due: cron lines through both changes of the clock, intervals, moments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core import ScheduledTask
from taskiq_scheduler.errors import CronValueError
from taskiq_scheduler.ticks import latest_ticks, next_cron, next_interval, next_tick, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


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
        ("0 9 * * monday", datetime(2026, 1, 5, 9, tzinfo=UTC)),
        ("0 9 * * Monday-FRIDAY", datetime(2026, 1, 2, 9, tzinfo=UTC)),
    ],
)
def test_lines_of_cron(cron: str, tick: datetime) -> None:
    assert next_cron(cron, UTC, datetime(2026, 1, 1, 12, tzinfo=UTC)) == tick


def test_never() -> None:
    assert next_cron("0 0 30 2 *", UTC, datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("cron", ["", "x", "61 * * * *", "* * *", "* * * * * * * *"])
def test_bad_line_says_so(cron: str) -> None:
    with pytest.raises(CronValueError, match="is not a cron line"):
        next_cron(cron, UTC, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("offset", ["Nowhere/City", "../etc/passwd", timedelta(days=2)])
def test_bad_zone_says_so(offset: str | timedelta) -> None:
    with pytest.raises(CronValueError, match="is not a time zone"):
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
    seconds=st.one_of(st.integers(1, 10**6), st.sampled_from([0.05, 0.1, 1 / 3, 0.000001])),
    after=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_intervals_are_anchored(seconds: float, after: datetime) -> None:
    step = timedelta(seconds=seconds)

    tick = next_interval(step, after)

    assert timedelta(0) < tick - after <= step
    assert (tick - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta(0)
    assert next_interval(step, tick) == tick + step


def test_last_ticks_of_a_long_span_are_found_at_once() -> None:
    often = ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, interval=1)
    yearly = ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, cron="@yearly")
    start, end = datetime(1990, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)

    assert latest_ticks(often, start, end, 2) == [end - timedelta(seconds=1), end]
    assert latest_ticks(often, end - timedelta(seconds=1), end, 2) == [end]
    assert [each.year for each in latest_ticks(yearly, start, end, 3)] == [2024, 2025, 2026]
    assert len(latest_ticks(yearly, start, end, 1000)) == 36
    assert latest_ticks(yearly, end, end + timedelta(days=1), 5) == []


@pytest.mark.parametrize("cron", ["R * * * *", "0 r(1-5) * * *", "H * * * *"])
def test_lines_that_each_scheduler_would_read_in_its_own_way_are_refused(cron: str) -> None:
    with pytest.raises(CronValueError, match="is not a cron line"):
        next_cron(cron, UTC, datetime(2026, 1, 1, tzinfo=UTC))
