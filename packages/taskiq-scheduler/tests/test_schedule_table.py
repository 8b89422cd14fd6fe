"""The table of `taskiq schedules`."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import InMemoryScheduleSource, LabelScheduleSource
from taskiq_scheduler.describe import cron_text, timing_text
from taskiq_scheduler.schedule_table import as_object, rows_of

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def schedule(**values: Any) -> ScheduledTask:
    given = {"task_name": "t", "schedule_id": "s", **values}
    return ScheduledTask(labels={}, args=[], kwargs={}, **given)


class Careless(InMemoryScheduleSource):
    """A source that takes what can't be followed."""

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self._schedules[schedule.schedule_id] = schedule


async def row_of(each: ScheduledTask, last: datetime | None = None) -> tuple[str, ...]:
    broker, source = InMemoryBroker(), Careless()
    broker.task("t")(lambda: None)
    await source.add_schedule(each)
    if last is not None:
        await source.confirm(each.schedule_id, last)
    (row,) = await rows_of(source, broker, NOW)
    return row.cells


async def test_schedule_is_shown_in_its_own_time_zone() -> None:
    each = schedule(cron="30 2 * * *", cron_offset="Europe/Berlin")

    row = await row_of(each, last=datetime(2026, 3, 28, 1, 30, tzinfo=UTC))

    assert row == (
        "Careless",
        "s",
        "t",
        "at 02:30 every day, Europe/Berlin (30 2 * * *)",
        "2026-03-28 02:30:00",
        # That night clocks are put ahead from two to three.
        "2026-03-29 03:00:00, 2026-03-30 02:30:00, 2026-03-31 02:30:00",
    )


async def test_interval_is_shown_with_its_next_three_ticks() -> None:
    *_, when, last, coming = await row_of(schedule(interval=timedelta(hours=6)))

    assert (when, last) == ("every 6 hours", "-")
    assert coming == "2026-03-28 18:00:00, 2026-03-29 00:00:00, 2026-03-29 06:00:00"


@pytest.mark.parametrize(
    ("values", "last", "coming"),
    [
        ({"time": NOW + timedelta(hours=1)}, None, "2026-03-28 13:00:00"),
        ({"time": NOW - timedelta(hours=1)}, None, "2026-03-28 11:00:00"),
        (
            {"time": NOW - timedelta(hours=1), "grace": 60},
            None,
            "won't fire: its moment has passed, and its grace",
        ),
        ({"time": NOW}, NOW, "won't fire: it was sent"),
        (
            {"time": NOW.astimezone(timezone(timedelta(hours=-3)))},
            None,
            "2026-03-28 09:00:00",
        ),
        ({"interval": 1, "enabled": False}, None, "paused"),
        ({"cron": "0 0 30 2 *"}, None, "won't fire: there is no such moment"),
        ({"cron": "x"}, None, "won't fire: 'x' is not a cron line: "),
        (
            {"cron": "* * * * *", "cron_offset": "Mars/Base"},
            None,
            "won't fire: 'Mars/Base' is not a time zone: ",
        ),
        (
            {"interval": 3600, "task_name": "u"},
            None,
            "2026-03-28 13:00:00, 2026-03-28 14:00:00, 2026-03-28 15:00:00 (the broker has no such",
        ),
        ({"cron": "0 0 * * *", "time": NOW + timedelta(minutes=1)}, None, "2026-03-28 12:01:00, "),
    ],
)
async def test_it_says_when_or_why_not(
    values: dict[str, Any], last: datetime | None, coming: str
) -> None:
    row = await row_of(schedule(**values), last)

    assert row[-1].startswith(coming)


async def test_source_that_fails_is_shown_and_shut_down() -> None:
    calls: list[str] = []

    class Fails(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            raise ConnectionError("store is down")

        async def shutdown(self) -> None:
            calls.append("shutdown")

    (row,) = await rows_of(Fails(), InMemoryBroker(), NOW)

    assert row.is_broken
    assert row.cells == ("Fails", "-", "-", "can't be asked: store is down", "-", "-")
    assert calls == ["shutdown"]


async def test_label_that_cannot_be_read_is_shown() -> None:
    broker = InMemoryBroker()
    broker.task("t", schedule=[{"interval": -1}])(lambda: None)

    (row,) = await rows_of(LabelScheduleSource(broker), broker, NOW)

    assert row.is_broken
    assert row.cells[1:4] == ("t#0", "t", "?")
    assert row.cells[-1].startswith("won't fire: ")
    assert "an interval is a positive number of seconds, not -1" in row.cells[-1]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "every minute every day"),
        ("*/5 * * * *", "every 5 minutes every day"),
        ("*/5 9-17 * * mon-fri", "every 5 minutes of hour 9-17 on Mon to Fri"),
        ("15 * * * *", "at minute 15 of every hour every day"),
        ("15 */2 * * *", "at minute 15 of every 2 hours every day"),
        ("0 9,17 * * 1-5", "at 09:00, 17:00 on Mon to Fri"),
        ("0 3 1 * *", "at 03:00 on day 1 of the month"),
        ("0 3 L * *", "at 03:00 on the last day of the month"),
        ("0 3 1,15 * sun", "at 03:00 on day 1,15 of the month or on Sun"),
        ("0 3 * jan,6-8 *", "at 03:00 every day in Jan, Jun to Aug"),
        ("* * * * * */10", "every 10 seconds, every minute every day"),
        ("5 4 * * * 30", "at second 30, at 04:05 every day"),
        ("@hourly", "at minute 0 of every hour every day"),
        ("@weekly", "at 00:00 on Sun"),
        ("0 0 1 1 * 0 2030", "0 0 1 1 * 0 2030"),
        ("x y z", "x y z"),
    ],
)
def test_lines_in_words(cron: str, words: str) -> None:
    assert cron_text(cron) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"interval": 1}, "every second"),
        ({"interval": 600}, "every 10 minutes"),
        ({"interval": 90}, "every 90 seconds"),
        ({"interval": timedelta(milliseconds=50)}, "every 0.05 seconds"),
        ({"interval": 86_400 * 7}, "every 7 days"),
        ({"time": NOW}, "once, at 2026-03-28 12:00:00+00:00"),
        (
            {"cron": "@daily", "cron_offset": timedelta(hours=-3, minutes=-30)},
            "at 00:00 every day, UTC-03:30 (@daily)",
        ),
        ({"cron": "@daily"}, "at 00:00 every day, UTC (@daily)"),
        ({"cron": "0 9 * * Monday"}, "at 09:00 on Mon, UTC (0 9 * * Monday)"),
        (
            {"cron": "@daily", "interval": 60, "time": NOW},
            "at 00:00 every day, UTC (@daily); every minute; once, at 2026-03-28 12:00:00+00:00",
        ),
    ],
)
def test_schedules_in_words(values: dict[str, Any], words: str) -> None:
    assert timing_text(schedule(**values)) == words


APP = """
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, TaskiqScheduler

broker = InMemoryBroker()
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])

@broker.task("tick", schedule=[
    {"interval": 600},
    {"cron": "0 3 * * *", "cron_offset": "Asia/Tokyo", "enabled": False},
    {"cron": "x y z", "schedule_id": "broken"},
])
async def tick() -> None: ...
"""


def test_the_command_ends_well_if_every_schedule_can_be_followed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP.replace("x y z", "1 2 * * *"))
    command = [sys.executable, "-m", "taskiq_cli", "schedules", "app:scheduler"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "-m", "taskiq_cli", "schedules", "app:scheduler"]

    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 1, "a schedule is broken"
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["SOURCE", "SCHEDULE", "TASK", "WHEN", "LAST", "NEXT"]
    by_id = {row.split()[1]: row for row in rows if row}
    assert set(by_id) == {"tick#0", "tick#1", "broken"}
    assert "every 10 minutes" in by_id["tick#0"]
    assert by_id["tick#0"].count(":00, ") == 2
    assert "at 03:00 every day, Asia/Tokyo (0 3 * * *)" in by_id["tick#1"]
    assert by_id["tick#1"].rstrip().endswith("paused")
    assert "won't fire: 'x y z' is not a cron line" in by_id["broken"]


async def test_rows_as_json() -> None:
    """Moments are in UTC, as programs compare them."""
    broker, source = InMemoryBroker(), Careless()
    broker.task("t")(lambda: None)
    await source.add_schedule(schedule(cron="30 2 * * *", cron_offset="Europe/Berlin"))
    await source.confirm("s", datetime(2026, 3, 28, 1, 30, tzinfo=UTC))

    (row,) = await rows_of(source, broker, NOW)

    assert as_object(row) == {
        "source": "Careless",
        "schedule_id": "s",
        "task_name": "t",
        "when": "at 02:30 every day, Europe/Berlin (30 2 * * *)",
        "last": "2026-03-28T01:30:00+00:00",
        "next": [
            "2026-03-29T01:00:00+00:00",
            "2026-03-30T00:30:00+00:00",
            "2026-03-31T00:30:00+00:00",
        ],
        "remark": None,
        "is_broken": False,
    }


def test_the_command_prints_json(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "-m", "taskiq_cli", "schedules", "app:scheduler", "--json"]

    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 1, "a schedule is broken"
    by_id = {each["schedule_id"]: each for each in json.loads(done.stdout)}
    assert by_id["broken"]["is_broken"]
    assert by_id["broken"]["next"] == []
    assert by_id["tick#1"]["remark"] == "paused"
    assert len(by_id["tick#0"]["next"]) == 3
