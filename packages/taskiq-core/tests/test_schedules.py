"""Schedules as values: what they say, how they are stored, what is refused where they are made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from taskiq_core import AsyncBroker, ScheduledTask, ScheduleSource
from taskiq_core.exceptions import ScheduleRefusedError
from taskiq_core.messages.cron_spec import MAX_CRON_LENGTH, CronSpec, cron_fault
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.scheduled_task import check_new_schedule

NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001  # what is meant
CALL: dict[str, Any] = {"task_name": "t", "labels": {}, "args": [], "kwargs": {}}


class Broker(AsyncBroker):
    async def kick(self, message: BrokerMessage) -> None: ...

    def listen(self) -> Any: ...


class Source(ScheduleSource):
    """A third party's source: takes what it gets."""

    def __init__(self) -> None:
        self.added: list[ScheduledTask] = []

    async def get_schedules(self) -> list[ScheduledTask]:
        return self.added

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self.added.append(schedule)


class Point(BaseModel):
    x: int
    when: datetime


@dataclass
class Size:
    width: int


@pytest.fixture
def task() -> Any:
    return Broker().task("t")(lambda *args, **kwargs: None)


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [4, -3.5])
def test_distance_from_utc_survives_json(hours: float) -> None:
    spec = CronSpec(hours=3, offset=timedelta(hours=hours))

    for dumped in (spec.model_dump(mode="json"), spec.model_dump()):
        assert CronSpec(**dumped) == spec
    assert CronSpec.model_validate_json(spec.model_dump_json()) == spec
    assert CronSpec(offset="Poland").offset == "Poland"


def test_time_without_zone_is_utc_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    values = {**CALL, "task_name": "of a naive time"}

    found = [ScheduledTask(**values, time=NAIVE) for _ in range(3)]

    assert {each.time for each in found} == {datetime(2030, 1, 1, tzinfo=UTC)}
    assert caplog.text.count("A schedule of task of a naive time has a time without time zone") == 1


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        (10**400, "at most 86400000000000"),
        (-(10**400), "positive number of seconds, not far below zero"),
        (0, "positive number of seconds, not 0"),
        (timedelta(microseconds=1), "at least 0.01 seconds, not 1e-06"),
    ],
)
def test_interval_that_cannot_be_followed_is_a_validation_error(interval: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ScheduledTask(**CALL, interval=interval)


@pytest.mark.parametrize(
    "line",
    [
        "* * * * *",
        "*/5 9-17 * * mon-fri",
        "0 3 1,15 JAN-mar 7",
        "0 0 L * ?",
        "0 0 15w * *",
        "0 0 * * fri#2",
        "0 0 * * L5",
        "0 9 * * Monday",
        "0 9 * * tuesday-Thursday",
        "* * * * * */10",
        "0 0 1 1 * 0 2030",
        "@Daily",
    ],
)
def test_lines_of_cron(line: str) -> None:
    assert cron_fault(line) is None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("61 * * * *", "'61' does not fit the field minute"),
        ("* 24 * * *", "'24' does not fit the field hour"),
        ("* * 32 * *", "'32' does not fit the field day of month"),
        ("* * * 13 *", "'13' does not fit the field month"),
        ("* * * * 8", "'8' does not fit the field weekday"),
        ("* * * * * 60", "'60' does not fit the field second"),
        ("1,2,x * * * *", "'x' does not fit the field minute"),
        ("*/0 * * * *", "'*/0' does not fit the field minute"),
        ("5-70 * * * *", "'5-70' does not fit the field minute"),
        ("R * * * *", "'r' does not fit the field minute"),
        ("* * *", "it has 3 fields"),
        ("", "it has 0 fields"),
        ("@sometimes", "it has 1 fields"),
        ("0," * MAX_CRON_LENGTH + "0 * * * *", "it has 2,009 characters"),
    ],
)
def test_lines_that_are_none(line: str, fault: str) -> None:
    assert (cron_fault(line) or "").startswith(fault)


def test_every_number_written_out_is_not_too_long() -> None:
    fields = (range(60), range(24), range(1, 32), range(1, 13), range(7), range(60))

    line = " ".join(",".join(map(str, numbers)) for numbers in fields)

    assert cron_fault(line) is None


# -- where they are made ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("61 * * * *", "is not a cron line: '61' does not fit the field minute"),
        (CronSpec(offset="Mars/Base"), "'Mars/Base' is not a time zone"),
        (CronSpec(offset=timedelta(days=1)), "is not a time zone"),
    ],
)
async def test_schedule_that_would_never_fire_is_refused_for_any_source(
    task: Any, cron: Any, reason: str
) -> None:
    source = Source()

    with pytest.raises(ScheduleRefusedError, match=reason) as caught:
        await task.schedule_by_cron(source, cron)

    assert str(caught.value).startswith("Task 't' is not scheduled (schedule ")
    assert source.added == []


def test_a_zone_is_not_refused_where_there_is_no_database_of_zones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client without one can't tell; the scheduler brings its own."""
    monkeypatch.setattr("taskiq_core.messages.scheduled_task._has_zones", lambda: False)
    unknown = ScheduledTask(**CALL, cron="@daily", cron_offset="Mars/Base")
    check_new_schedule(unknown)
    assert unknown.cron_offset == "Mars/Base"

    with pytest.raises(ScheduleRefusedError):
        check_new_schedule(unknown.model_copy(update={"cron_offset": timedelta(days=2)}))


async def test_models_and_dataclasses_are_scheduled_as_plain_dicts(task: Any) -> None:
    source = Source()
    when = datetime(2026, 1, 1, tzinfo=UTC)

    made = await task.schedule_by_interval(source, 60, Point(x=1, when=when), 7, size=Size(2))

    assert made.task.args == [{"x": 1, "when": "2026-01-01T00:00:00Z"}, 7]
    assert made.task.kwargs == {"size": {"width": 2}}
    assert source.added == [made.task]


async def test_labels_that_json_cannot_store_are_scheduled_as_text(task: Any) -> None:
    labels = {"number": 3, "flag": True, "list": ["a", {"b": None}]}
    kicker = task.kicker().with_labels(**labels, raw=b"\xff", when=timedelta(seconds=1))

    made = await kicker.schedule_by_interval(Source(), 60)

    assert made.task.labels == {**labels, "raw": "/w==", "when": "0:00:01"}
    again = ScheduledTask.model_validate_json(made.task.model_dump_json())
    assert again.labels == made.task.labels
