"""Schedulers at work: what is due is sent, once, whatever else fails."""

import asyncio
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from taskiq_core import AsyncBroker, ScheduledTask, ScheduleSource
from taskiq_core.brokers.memory_claims import REMEMBERED_SCHEDULES
from taskiq_core.exceptions import ScheduledTaskCancelledError
from taskiq_core.messages.cron_spec import CronSpec
from taskiq_core.plugins import load_plugins
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import (
    InMemoryScheduleSource,
    LabelScheduleSource,
    SchedulerLoop,
    TaskiqScheduler,
    run_scheduler_task,
)
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.compat.merge_functions import only_new, only_unique, preserve_all
from taskiq_scheduler.compat.run import is_cron_task_now, is_interval_task_now, is_time_task_now
from taskiq_scheduler.due_queue import DueQueue
from taskiq_scheduler.lifecycle import stop_sources
from taskiq_scheduler.tick_ids import with_tick_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
README = Path(__file__).parents[1] / "README.md"


def schedule(name: str = "t", **when: Any) -> ScheduledTask:
    return ScheduledTask(task_name=name, labels={}, args=[], kwargs={}, **when)


class Ran:
    """A task that writes down its calls."""

    def __init__(self, broker: AsyncBroker, **labels: Any) -> None:
        self.calls: list[Any] = []
        self.event = asyncio.Event()
        self.task = broker.task("t", **labels)(self.run)

    async def run(self, value: Any = None) -> None:
        self.calls.append(value)
        self.event.set()


async def served(scheduler: TaskiqScheduler, until: asyncio.Event) -> None:
    serving = asyncio.create_task(run_scheduler_task(scheduler, run_startup=True))
    try:
        async with asyncio.timeout(30):
            await until.wait()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


# -- sources ---------------------------------------------------------------------------------------


async def test_labels_are_schedules_with_stable_ids(caplog: pytest.LogCaptureFixture) -> None:
    broker = InMemoryBroker()
    broker.task("plain")(lambda: None)
    broker.task("daily", queue="low", schedule=[{"cron": "@daily", "args": [1]}, {"interval": 5}])(
        lambda: None
    )
    broker.task("bad", schedule=[{"interval": -1}, {"when": "soon"}, 7])(lambda: None)
    source = LabelScheduleSource(broker)

    await source.startup()
    await source.startup()

    daily, often = await source.get_schedules()
    assert (daily.schedule_id, daily.args, daily.labels) == ("daily#0", [1], {"queue": "low"})
    assert (often.schedule_id, often.interval) == ("daily#1", 5)
    assert "Schedule 'bad#0' of task 'bad' in LabelScheduleSource is left out" in caplog.text
    assert "an interval is a positive number of seconds, not -1" in caplog.text
    assert "a schedule needs cron, interval or time" in caplog.text
    assert "bad#2" in caplog.text


async def test_schedules_are_made_and_deleted_at_run_time() -> None:
    broker, source = InMemoryBroker(), InMemoryScheduleSource()
    task = broker.task("t", topic="x")(lambda value: None)

    by_cron = await task.schedule_by_cron(source, CronSpec(hours=3, offset="Asia/Tokyo"), 1)
    by_interval = await task.schedule_by_interval(source, timedelta(minutes=1), value=2)
    by_time = await task.kicker().with_schedule_id("mine").schedule_by_time(source, NOW, 3)

    found = {each.schedule_id: each for each in await source.get_schedules()}
    assert found[by_cron.schedule_id].cron == "* 3 * * *"
    assert found[by_cron.schedule_id].cron_offset == "Asia/Tokyo"
    assert found[by_cron.schedule_id].labels == {"topic": "x"}
    assert found[by_interval.schedule_id].kwargs == {"value": 2}
    assert found["mine"].time == NOW
    assert str(by_time) == f"CreatedSchedule(id=mine, task=t, when={NOW})"
    await by_cron.unschedule()
    assert by_cron.schedule_id not in {each.schedule_id for each in await source.get_schedules()}
    result = await (await by_time.kiq()).wait_result(timeout=10)
    assert not result.is_err


async def test_tick_is_claimed_once_until_its_claim_runs_out() -> None:
    now = 0.0
    source = InMemoryScheduleSource(clock=lambda: now)

    assert await source.claim("s", NOW)
    assert not await source.claim("s", NOW)
    now = 61.0
    assert await source.claim("s", NOW), "its scheduler died"
    await source.confirm("s", NOW)
    now = 1000.0
    assert not await source.claim("s", NOW)
    assert await source.last_tick("s") == NOW
    assert await source.claim("s", NOW + timedelta(seconds=1))


# -- the queue ------------------------------------------------------------------------------------


def test_queue_yields_what_is_due_and_keeps_what_did_not_change() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    first, second = schedule(interval=10), schedule(interval=25)
    last = {each.schedule_id: NOW for each in (first, second)}
    assert queue.replace(source, [first, second], NOW, last) == []
    assert queue.first_tick == NOW + timedelta(seconds=10)
    assert list(queue.take_due(NOW + timedelta(seconds=9))) == []

    late = NOW + timedelta(seconds=31)
    due = [(entry.schedule, entry.ticks) for entry in queue.take_due(late)]

    assert due == [
        (first, (NOW + timedelta(seconds=30),)),
        (second, (NOW + timedelta(seconds=25),)),
    ], "missed ticks count as one"
    queue.replace(source, [first], late)
    assert len(queue) == 1
    assert queue.first_tick == NOW + timedelta(seconds=40)
    queue.replace(source, [], late)
    assert queue.first_tick is None


def test_changed_schedule_is_due_by_what_it_says_now() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    before = schedule(interval=10)
    queue.replace(source, [before], NOW)

    queue.replace(source, [before.model_copy(update={"interval": 7})], NOW)

    assert queue.first_tick is not None
    assert queue.first_tick.timestamp() % 7 == 0
    assert len(list(queue.take_due(NOW + timedelta(seconds=10)))) == 1


def test_bad_schedule_harms_no_other() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    bad = schedule("bad", cron="never again", schedule_id="b")

    (problem,) = queue.replace(source, [bad, schedule(interval=1)], NOW)

    assert str(problem).startswith(
        "Schedule 'b' of task 'bad' in InMemoryScheduleSource is left out: 'never again' is not a"
    )
    assert len(queue) == 1


# -- the loop --------------------------------------------------------------------------------------


async def test_one_shot_is_sent_once_and_forgotten() -> None:
    broker = InMemoryBroker()
    ran = Ran(broker)
    source = InMemoryScheduleSource()
    await ran.task.schedule_by_time(source, datetime.now(UTC) - timedelta(hours=1), 7)

    await served(TaskiqScheduler(broker, [source]), ran.event)

    assert ran.calls == [7]
    assert await source.get_schedules() == []


async def test_schedule_added_while_serving_is_sent() -> None:
    broker = InMemoryBroker()
    ran = Ran(broker)
    source = InMemoryScheduleSource()
    loop = SchedulerLoop(TaskiqScheduler(broker, [source]))
    serving = asyncio.create_task(loop.run(update_interval=timedelta(seconds=0.02)))

    await ran.task.schedule_by_interval(source, 1, "soon")
    async with asyncio.timeout(30):
        await ran.event.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert set(ran.calls) == {"soon"}


async def test_two_schedulers_send_a_tick_once() -> None:
    broker = InMemoryBroker()
    ran = Ran(broker)
    source = InMemoryScheduleSource()
    await ran.task.schedule_by_time(source, datetime.now(UTC) + timedelta(seconds=0.3), 1)
    schedulers = [SchedulerLoop(TaskiqScheduler(broker, [source])) for _ in range(2)]
    serving = [asyncio.create_task(each.run()) for each in schedulers]

    async with asyncio.timeout(30):
        await ran.event.wait()
        while any(each.queue.first_tick for each in schedulers):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
    await broker.wait_all()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)

    assert ran.calls == [1]


def test_tick_has_the_same_task_id_for_every_scheduler() -> None:
    each = schedule(interval=1)

    assert with_tick_id(each, NOW).task_id == with_tick_id(each, NOW).task_id
    assert with_tick_id(each, NOW).task_id != with_tick_id(each, NOW + timedelta(1)).task_id
    named = schedule(interval=1, task_id="mine")
    assert with_tick_id(named, NOW).task_id == "mine"


async def test_failing_source_and_failing_broker_are_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskiq_scheduler.dispatch.backoff_delay", lambda *args, **kwargs: 0.0)
    broker = InMemoryBroker()
    ran = Ran(broker)

    class Failing(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            raise ConnectionError("store is down")

    class FailsTwice(InMemoryScheduleSource):
        left = 2

        def pre_send(self, task: ScheduledTask) -> None:
            if self.left:
                self.left -= 1
                raise ConnectionError("broker is down")

    source = FailsTwice()
    await ran.task.schedule_by_time(source, NOW)

    await served(TaskiqScheduler(broker, [Failing(), source]), ran.event)

    assert (
        "Failing can't be asked for its schedules, those it had stay: store is down" in caplog.text
    )
    assert "Only one scheduler may serve Failing" in caplog.text
    assert caplog.text.count("was not sent: broker is down") == 2
    assert len(ran.calls) == 1


async def test_hanging_send_has_a_deadline(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskiq_scheduler.dispatch.backoff_delay", lambda *args, **kwargs: 0.0)
    broker = InMemoryBroker()
    ran = Ran(broker)

    class HangsOnce(InMemoryScheduleSource):
        hangs = True

        async def pre_send(self, task: ScheduledTask) -> None:
            if self.hangs:
                self.hangs = False
                await asyncio.Event().wait()

    source = HangsOnce()
    await ran.task.schedule_by_time(source, NOW)
    loop = SchedulerLoop(TaskiqScheduler(broker, [source]))
    serving = asyncio.create_task(loop.run(send_timeout=0.05))

    async with asyncio.timeout(30):
        await ran.event.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert "task 't' was not sent within 0.05 s" in caplog.text


async def test_source_may_cancel_a_tick(caplog: pytest.LogCaptureFixture) -> None:
    broker = InMemoryBroker()
    ran = Ran(broker)

    class Cancels(InMemoryScheduleSource):
        async def pre_send(self, task: ScheduledTask) -> None:
            raise ScheduledTaskCancelledError

    with caplog.at_level(logging.INFO):
        await TaskiqScheduler(broker, []).on_ready(Cancels(), schedule(interval=1))
    await broker.wait_all()

    assert ran.calls == []
    assert "is not sent this time" in caplog.text


async def test_message_says_which_schedule_it_is_of() -> None:
    broker = InMemoryBroker()
    seen: list[Any] = []

    @broker.task("t")
    async def task() -> None: ...

    @broker.task("spy")
    async def spy() -> None: ...

    broker.on_event()
    original = broker.send

    async def send(message: Any) -> None:
        seen.append(message.labels["schedule_id"])
        await original(message)

    broker.send = send  # type: ignore[method-assign]
    each = schedule(interval=1)

    await TaskiqScheduler(broker, []).on_ready(InMemoryScheduleSource(), each)

    assert seen == [each.schedule_id]


# -- older functions -------------------------------------------------------------------------------


def test_questions_of_the_older_interface() -> None:
    noon = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)

    assert is_cron_task_now("0 12 * * *", noon)
    assert not is_cron_task_now("1 12 * * *", noon)
    assert not is_cron_task_now("0 12 * * *", noon, last_run=noon)
    assert is_cron_task_now("0 13 * * *", noon, timedelta(hours=1))
    assert is_interval_task_now(60, noon)
    assert not is_interval_task_now(60, noon, noon - timedelta(seconds=1))
    assert is_interval_task_now(60, noon, noon - timedelta(seconds=60))
    assert is_time_task_now(noon, noon)
    assert not is_time_task_now(noon, noon, noon)
    a, b = schedule(interval=1), schedule(interval=2)
    assert preserve_all([a], [a, b]) == [a, a, b]
    assert only_unique([a], [a, b]) == [a, b]
    assert only_new([a], [b]) == [b]


def test_arguments_of_the_command() -> None:
    args = SchedulerArgs.from_cli(["a:b", "m", "-tp", "x.py", "--log-level", "DEBUG", "-fsd"])

    assert (args.scheduler, args.modules, args.tasks_pattern) == ("a:b", ["m"], ["x.py"])
    assert SchedulerArgs.from_cli(["a:b"]).tasks_pattern == ("**/tasks.py",)


# -- the commands ----------------------------------------------------------------------------------

APP = """
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, TaskiqScheduler

broker = InMemoryBroker()
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])

@broker.task("tick", schedule=[
    {"interval": 1, "args": ["ran"]},
    {"cron": "0 3 * * *", "cron_offset": "Asia/Tokyo"},
    {"cron": "x y z", "schedule_id": "broken"},
])
async def tick(name: str = "") -> None:
    print("tick", name, flush=True)

def raises():
    raise OSError("no route")

async def raises_later():
    raise OSError("no route")

def wants_more(argument):
    return scheduler
"""


def taskiq(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "taskiq_cli", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_command_sends_what_is_due_until_it_is_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    lines = []
    with taskiq("scheduler", "app:scheduler", folder=tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line == "tick ran\n":
                process.terminate()
    output = "".join(lines)

    assert process.returncode == 0, output
    assert "tick ran" in output
    assert "'x y z' is not a cron line" in output
    assert output.rstrip().endswith("Scheduler stopped")
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("app:broker", "app:broker is an object of type InMemoryBroker, not a TaskiqScheduler"),
        ("app:nothing", "nothing"),
        ("nowhere:scheduler", "nowhere"),
        ("app:raises", "'app:raises', which makes the scheduler, raised OSError: no route ("),
        ("app:raises_later", "'app:raises_later', which makes the scheduler, raised OSError"),
        ("app:wants_more", "It is called without arguments"),
    ],
)
def test_wrong_path_is_one_paragraph(tmp_path: Path, spec: str, text: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    process = taskiq("scheduler", spec, folder=tmp_path)

    output, _ = process.communicate(timeout=30)

    assert process.returncode == 3, output
    assert text in output
    assert "Traceback" not in output


def test_plugin_is_found() -> None:
    registry = load_plugins()

    assert {"scheduler", "schedules"} <= registry.commands.keys()
    assert {"label", "memory"} <= registry.schedule_sources.keys()
    assert "scheduler" in registry.worker_services


@pytest.mark.parametrize(
    ("number", "output"), [(1, "Hello, world!\n"), (2, "22 reports in March\n")]
)
def test_programs_of_the_readme_run(number: int, output: str) -> None:
    program = program_of_readme(number)

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=50
    )

    assert done.stdout == output, done.stderr


def test_schedules_of_the_readme_are_listed_as_it_says(tmp_path: Path) -> None:
    program = program_of_readme(0)
    # The broker is another package's: nothing is sent here.
    program = re.sub(r"ZeroMQBroker\(.*?\n\)", "InMemoryBroker()", program, flags=re.DOTALL)
    (tmp_path / "tkq.py").write_text(program)

    with taskiq("schedules", "tkq:scheduler", folder=tmp_path) as process:
        output, _ = process.communicate(timeout=30)

    shown = README.read_text().partition("SOURCE  ")[2].partition("```")[0]
    for line in shown.splitlines()[1:]:
        assert line.partition("2026")[0] in output


def program_of_readme(number: int) -> str:
    program = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[number]
    program = program.replace("from taskiq.api", "from taskiq_scheduler")
    program = program.replace("from taskiq.schedule_sources", "from taskiq_scheduler")
    return re.sub(
        "from taskiq import .*",
        "from taskiq_inmemory import InMemoryBroker\nfrom taskiq_scheduler import TaskiqScheduler",
        program,
    )


async def test_a_source_that_hangs_or_fails_keeps_nobody_from_leaving(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Stopped(InMemoryScheduleSource):
        is_stopped = False

        async def shutdown(self) -> None:
            self.is_stopped = True

    class Hangs(InMemoryScheduleSource):
        async def shutdown(self) -> None:
            await asyncio.Event().wait()

    class Fails(InMemoryScheduleSource):
        async def shutdown(self) -> None:
            raise OSError("no such host")

    monkeypatch.setattr("taskiq_scheduler.lifecycle.STOP_TIMEOUT", 0.05)
    last = Stopped()

    await stop_sources([Hangs(), Fails(), last])

    assert last.is_stopped
    assert "Hangs was not stopped well: it took longer than 0.05 s" in caplog.text
    assert "Fails was not stopped well: no such host" in caplog.text


async def test_what_fired_once_is_forgotten_in_time() -> None:
    """A program that plans at run time, for weeks."""
    source = InMemoryScheduleSource()
    for number in range(2 * REMEMBERED_SCHEDULES):
        once = schedule(time=NOW + timedelta(seconds=number))
        once.schedule_id = str(number)
        await source.add_schedule(once)
        assert await source.claim(once.schedule_id, NOW)
        source.post_send(once)
        await source.confirm(once.schedule_id, NOW)

    assert not await source.claim(str(2 * REMEMBERED_SCHEDULES - 1), NOW)
    assert await source.last_tick("0") is None
