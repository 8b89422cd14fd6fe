"""What can't be followed is said at load, with schedule and source; the others go on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_core.loading.errors import LoadError
from taskiq_core.messages.cron_spec import CronSpec
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import (
    InMemoryScheduleSource,
    LabelScheduleSource,
    SchedulerLoop,
    TaskiqScheduler,
)
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.errors import BadScheduleError, ScheduleLabelError, ScheduleRefusedError
from taskiq_scheduler.process import run_scheduler

NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001  # what is refused
GOOD: dict[str, Any] = {"task_name": "t", "labels": {}, "args": [], "kwargs": {}}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "line": ({"cron": "61 * * * *"}, "'61 * * * *' is not a cron line: "),
    "fields": ({"cron": "* * *"}, "'* * *' is not a cron line: "),
    "zone": (
        {"cron": "* * * * *", "cron_offset": "Europe/Atlantis"},
        "'Europe/Atlantis' is not a time zone: ",
    ),
    "distance": (
        {"cron": "* * * * *", "cron_offset": timedelta(days=2)},
        "datetime.timedelta(days=2) is not a time zone: ",
    ),
    "negative": ({"interval": -1}, "an interval is a positive number of seconds, not -1"),
    "zero": ({"interval": timedelta(0)}, "an interval is a positive number of seconds, not 0"),
    "milliseconds": ({"interval": 10**12}, "it is due beyond the year 9999"),
    "nothing": ({}, "a schedule needs cron, interval or time"),
    "long": (
        {"interval": 10**400},
        "an interval is in seconds, and at most 86400000000000 of",
    ),
    "short": ({"interval": timedelta(microseconds=1)}, "an interval is at least 0.01 seconds, not"),
    "very long line": (
        {"cron": ",".join(["0"] * 300_000) + " * * * *"},
        "'0,0,0,0,0,0,...0,0,0 * * * *' is not a cron line: it has 600,007 characters",
    ),
}


def unchecked(schedule_id: str, **values: Any) -> ScheduledTask:
    """As a source may have it that does not validate what it reads."""
    return ScheduledTask.model_construct(schedule_id=schedule_id, **{**GOOD, **values})


class Careless(ScheduleSource):
    """A source that keeps whatever it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, ScheduledTask] = {}

    async def get_schedules(self) -> list[ScheduledTask]:
        return list(self.kept.values())

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self.kept[schedule.schedule_id] = schedule


@pytest.mark.parametrize("name", BAD)
async def test_bad_schedule_is_left_out_by_name(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    values, reason = BAD[name]
    broker, source = InMemoryBroker(), Careless()
    broker.task("t")(lambda: None)
    await source.add_schedule(unchecked(name, **values))
    await source.add_schedule(ScheduledTask(schedule_id="good", interval=60, **GOOD))
    loop = SchedulerLoop(TaskiqScheduler(broker, [source]))

    for _ in range(3):
        await loop.update()

    task = values.get("task_name", "t")
    said = f"Schedule {name!r} of task {task!r} in Careless is left out: {reason}"
    assert caplog.text.count(said) == 1, "once, not at each look"
    assert len(loop.queue) == 1
    await source.add_schedule(ScheduledTask(schedule_id=name, interval=60, **GOOD))
    await loop.update()
    assert len(loop.queue) == 2


async def test_tasks_are_not_looked_for_where_the_broker_has_none() -> None:
    """A scheduler that only sends, by name."""
    source = InMemoryScheduleSource()
    await source.add_schedule(ScheduledTask(interval=60, **GOOD))
    loop = SchedulerLoop(TaskiqScheduler(InMemoryBroker(), [source]))

    await loop.update()

    assert len(loop.queue) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"interval": 0}, "positive number of seconds"),
        ({"interval": -5}, "positive number of seconds"),
        ({}, "a schedule needs cron, interval or time"),
        ({"interval": 1, "missed": "some"}, "skip"),
        ({"interval": 1, "grace": -1}, "greater than or equal to 0"),
    ],
)
def test_schedule_that_is_made_in_a_program_is_refused_there(
    values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        ScheduledTask(**GOOD, **values)


@pytest.mark.parametrize("name", ["line", "fields", "zone", "distance", "very long line"])
async def test_what_can_not_be_followed_is_refused_where_it_is_made(name: str) -> None:
    """By an error that names the task, the value and the cure; nothing is kept."""
    values, reason = BAD[name]
    source = InMemoryScheduleSource()
    kicker = InMemoryBroker().task("greet")(lambda: None).kicker().with_schedule_id("mine")

    if "cron_offset" in values:
        making = kicker.schedule_by_cron(source, CronSpec(offset=values["cron_offset"]))
    else:
        making = kicker.schedule_by_cron(source, values["cron"])
    with pytest.raises(ScheduleRefusedError) as caught:
        await making

    said = str(caught.value)
    assert said.startswith(f"Task 'greet' is not scheduled (schedule 'mine'): {reason}")
    assert any(cure in said for cure in ("'0 3 * * mon-fri'", "'Europe/Rome'"))
    assert await source.get_schedules() == []


@pytest.mark.parametrize(
    "label", ["0 3 * * *", {"cron": "0 3 * * *"}, ["0 3 * * *"], [{"interval": 1}, 7], 7]
)
async def test_label_that_is_no_list_of_dicts(label: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The command refuses it; a source of a program leaves it out, and says so once."""
    broker = InMemoryBroker()
    broker.task("greet", schedule=label)(lambda: None)
    scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    args = SchedulerArgs(scheduler, [], configure_logging=False)

    with pytest.raises(ScheduleLabelError) as caught:
        await run_scheduler(args)
    await scheduler.sources[0].startup()

    cure = '@broker.task(schedule=[{"cron": "0 3 * * *"}])'
    assert str(caught.value) == (
        f"The label 'schedule' of task 'greet' can't be used: it is {label!r} and has to be a list "
        f"of dicts, as in {cure}"
    )
    assert isinstance(caught.value, LoadError)  # the command ends with exit status 3
    assert caplog.text.count("is left out: ") == 1
    assert cure in caplog.text


def test_schedules_that_were_stored_by_older_versions_are_read() -> None:
    stored = json.dumps({**GOOD, "schedule_id": "s", "cron": "@daily"})

    schedule = ScheduledTask.model_validate_json(stored)

    assert (schedule.enabled, schedule.missed, schedule.grace) == (True, "once", None)
    again = ScheduledTask.model_validate_json(schedule.model_dump_json())
    assert again == schedule


async def test_labels_say_all_that_schedules_can() -> None:
    broker = InMemoryBroker()
    entry = {"interval": 60, "enabled": False, "missed": "all", "grace": 90}
    broker.task("t", schedule=[entry])(lambda: None)
    source = LabelScheduleSource(broker)

    await source.startup()

    (schedule,) = await source.get_schedules()
    assert (schedule.enabled, schedule.missed, schedule.grace) == (False, "all", 90)


async def test_ids_in_labels_are_unique() -> None:
    broker = InMemoryBroker()
    entry = {"interval": 60, "schedule_id": "mine"}
    broker.task("a", schedule=[entry])(lambda: None)
    broker.task("b", schedule=[entry])(lambda: None)
    source = LabelScheduleSource(broker)

    await source.startup()

    assert [each.task_name for each in await source.get_schedules()] == ["a"]
    (problem,) = source.problems
    assert isinstance(problem, BadScheduleError)
    assert "a schedule of task 'a' has this id, give it another one" in str(problem)


async def test_only_one_scheduler_may_serve_what_cannot_be_claimed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fixed(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            return []

    with pytest.raises(NotImplementedError, match="Fixed can't claim ticks"):
        await Fixed().claim("s", datetime.now(UTC))
    loop = SchedulerLoop(TaskiqScheduler(InMemoryBroker(), [Fixed(), InMemoryScheduleSource()]))
    loop._warn_of_sources_that_cannot_claim()

    assert "Only one scheduler may serve Fixed: a second one would send each" in caplog.text
