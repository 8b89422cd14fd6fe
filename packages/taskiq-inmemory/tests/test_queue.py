"""MemoryQueue: messages run when they are due, and are kept while the process lives."""

import asyncio
import logging
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends
from taskiq_core.exceptions import SendTaskError, TaskRetryError
from taskiq_inmemory import InMemoryBroker
from taskiq_inmemory.errors import ResultNotHereError


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "taskiq_inmemory.broker" and record.levelno == logging.WARNING
    ]


async def test_shutdown_waits_for_running_and_waiting_tasks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker, gate, ran = InMemoryBroker(max_async_tasks=1), asyncio.Event(), []

    @broker.task
    async def work(number: int) -> None:
        await gate.wait()
        ran.append(number)

    await broker.startup()
    for number in range(3):
        await work.kiq(number)
    stopping = asyncio.create_task(broker.shutdown())
    await asyncio.sleep(0)
    assert not stopping.done()
    gate.set()
    await stopping

    assert ran == [0, 1, 2]
    assert warnings_of(caplog) == []


async def test_what_shutdown_cancelled_or_did_not_start_runs_after_the_next_startup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = InMemoryBroker(shutdown_timeout=0.001, max_async_tasks=1)
    gate, begun, ran = asyncio.Event(), [], []

    @broker.task(task_name="work")
    async def work(number: int) -> int:
        begun.append(number)
        await gate.wait()
        ran.append(number)
        return number

    await broker.startup()
    tasks = [await work.kicker().with_task_id(f"id-{n}").kiq(n) for n in range(3)]
    await broker.shutdown()

    assert begun == [0]
    (warning,) = warnings_of(caplog)
    assert warning.startswith(
        "These tasks did not run before the shutdown, they run after the next startup: "
    )
    assert sorted(warning.partition("startup: ")[2].split(", ")) == [
        "work (id-0)",
        "work (id-1)",
        "work (id-2)",
    ]

    gate.set()
    await broker.startup()

    assert [(await task.wait_result()).return_value for task in tasks] == [0, 1, 2]
    assert sorted(ran) == [0, 1, 2]
    await broker.shutdown()


async def test_delayed_task_runs_after_the_next_startup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = InMemoryBroker()

    @broker.task(task_name="work", delay=3600)
    async def work() -> str:
        return "done"

    await broker.startup()
    task = await work.kicker().with_task_id("id").kiq()
    await broker.shutdown()
    assert warnings_of(caplog) == [
        "These tasks did not run before the shutdown, they run after the next startup: work (id)"
    ]

    async with broker:
        assert (await task.wait_result()).return_value == "done"


async def test_retry_that_waits_is_kept_by_a_shutdown() -> None:
    broker, attempts = InMemoryBroker(), 0

    @broker.task
    async def work() -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise TaskRetryError(delay=3600)
        return attempts

    async with broker:
        task = await work.kiq()
        await broker.wait_all()
    async with broker:
        assert (await task.wait_result()).return_value == 2


async def test_delayed_task_is_not_waited_for() -> None:
    broker, ran = InMemoryBroker(), []

    @broker.task
    async def work(name: str) -> None:
        ran.append(name)

    await work.kicker().with_labels(delay=3600).kiq("late")
    await work.kiq("now")
    await broker.wait_all()

    assert ran == ["now"]
    await broker.shutdown()


async def test_caller_that_waits_gets_its_result_though_a_shutdown_came_between() -> None:
    broker, gate = InMemoryBroker(shutdown_timeout=0.001), asyncio.Event()

    @broker.task
    async def work() -> str:
        await gate.wait()
        return "done"

    await broker.startup()
    waiting = asyncio.create_task((await work.kiq()).wait_result())
    await broker.shutdown()
    assert not waiting.done()
    gate.set()
    await broker.startup()

    assert (await waiting).return_value == "done"
    await broker.shutdown()


def test_task_that_its_event_loop_left_delayed_runs_in_the_next_one() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def work() -> str:
        return "done"

    async def leave() -> Any:
        return await work.kicker().with_labels(delay=3600).kiq()

    async def restart(task: Any) -> str:
        async with broker:
            return (await task.wait_result()).return_value

    async def send_more(task: Any) -> str:
        await work.kiq()
        return (await task.wait_result()).return_value

    assert asyncio.run(restart(asyncio.run(leave()))) == "done"
    assert asyncio.run(send_more(asyncio.run(leave()))) == "done"


def test_tasks_that_waited_when_their_event_loop_ended_run_in_the_next_one() -> None:
    broker, blocked = InMemoryBroker(max_async_tasks=1), True

    @broker.task
    async def work(number: int) -> int:
        if blocked:
            await asyncio.Event().wait()
        return number

    async def leave() -> Any:
        return [await work.kiq(number) for number in range(3)]

    async def return_to(tasks: Any) -> list[int]:
        async with broker:
            return [(await task.wait_result()).return_value for task in tasks]

    tasks = asyncio.run(leave())
    blocked = False

    assert asyncio.run(return_to(tasks)) == [0, 1, 2]


async def test_delayed_task_runs_later() -> None:
    broker, order = InMemoryBroker(), []

    @broker.task
    async def note(name: str) -> None:
        order.append(name)

    late = await note.kicker().with_labels(delay=0.02).kiq("late")
    await note.kiq("now")
    await late.wait_result()

    assert order == ["now", "late"]


async def test_no_more_tasks_run_at_once_than_allowed() -> None:
    broker, running, peak = InMemoryBroker(max_async_tasks=3), 0, 0

    @broker.task
    async def work() -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1

    await asyncio.gather(*(work.kiq() for _ in range(20)))
    await broker.wait_all()

    assert peak == 3
    assert running == 0


def test_task_that_its_event_loop_left_behind_runs_in_the_next_one() -> None:
    broker, runs = InMemoryBroker(), 0

    @broker.task
    async def work() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            await asyncio.Event().wait()
        return runs

    async def first() -> str:
        return (await work.kiq()).task_id

    async def second(task_id: str) -> int:
        await broker.startup()
        result = await broker.result_backend.get_result(task_id)
        await broker.shutdown()
        return result.return_value

    task_id = asyncio.run(first())

    assert asyncio.run(second(task_id)) == 2


async def test_rejected_message_is_a_dead_letter() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def refuse(context: Context = TaskiqDepends()) -> None:
        context.reject()

    task = await refuse.kiq()
    await broker.wait_all()

    (letter,) = await broker.dead_letters()
    assert (letter.task_id, letter.reason, letter.attempt) == (
        task.task_id,
        "rejected by the task",
        1,
    )


async def test_operators_see_count_replay_and_purge() -> None:
    broker = InMemoryBroker(max_async_tasks=1)
    fails = True
    go_on, started = asyncio.Event(), asyncio.Event()

    @broker.task("maybe")
    async def maybe(context: Context = TaskiqDepends()) -> str:
        if fails:
            context.reject()
        return "at last"

    @broker.task("block")
    async def block() -> None:
        started.set()
        await go_on.wait()

    for _ in range(3):
        task = await maybe.kiq()
    await broker.wait_all()
    first, second, third = await broker.dead_letters()
    assert [d.task_id for d in await broker.dead_letters(limit=1, offset=2)] == [third.task_id]
    assert (third.task_id, third.attempt, third.error) == (task.task_id, 1, None)

    fails = False
    assert await broker.replay_dead_letters([third.letter_id]) == 1
    await broker.wait_all()
    assert (await task.get_result()).return_value == "at last"
    assert await broker.purge_dead_letters([first.letter_id]) == 1
    assert await broker.dead_letters() == [second]

    await block.kiq()
    await started.wait()
    await maybe.kiq()
    await maybe.kicker().with_labels(delay=600).kiq()
    stats = await broker.stats()
    assert (stats.waiting, stats.delivered, stats.delayed, stats.dead) == (1, 1, 1, 1)
    assert await broker.purge() == 2
    go_on.set()
    await broker.wait_all()
    assert (await broker.stats()).waiting == 0


@pytest.mark.parametrize("delay", ["soon", float("nan"), 1e12])
async def test_delay_that_is_not_a_number_of_seconds_is_refused(delay: Any) -> None:
    broker = InMemoryBroker()

    @broker.task(task_name="work")
    async def work() -> None: ...

    kicker = work.kicker().with_task_id("id").with_labels(delay=delay)
    with pytest.raises(SendTaskError, match=r"'work' .* its label 'delay' is "):
        await kicker.kiq()

    assert (await broker.stats()).delayed == 0
    with pytest.raises(ResultNotHereError):
        await broker.result_backend.get_result("id")


async def test_burial_names_the_task_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    broker = InMemoryBroker()

    @broker.task(task_name="work")
    async def refuse(context: Context = TaskiqDepends()) -> None:
        context.reject()

    await refuse.kicker().with_task_id("id").kiq()
    await broker.wait_all()

    assert "work (id) is buried: rejected by the task" in caplog.messages
