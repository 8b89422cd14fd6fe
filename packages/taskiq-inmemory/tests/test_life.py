"""Starting, stopping and starting again: no task is lost while the process lives."""

import asyncio
import logging
from typing import Any

import pytest

from taskiq_core import TaskiqEvents
from taskiq_core.exceptions import TaskRetryError
from taskiq_inmemory import InMemoryBroker


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


async def test_handlers_of_both_kinds_of_process_are_called_once_in_order() -> None:
    broker, seen = InMemoryBroker(), []
    for event in TaskiqEvents:
        broker.add_event_handler(event, lambda _, event=event: seen.append(event.name))

    for method in (broker.startup, broker.startup, broker.shutdown, broker.shutdown):
        await method()

    assert seen == ["CLIENT_STARTUP", "WORKER_STARTUP", "CLIENT_SHUTDOWN", "WORKER_SHUTDOWN"]


async def test_shutdown_without_startup_calls_no_handler_and_lets_tasks_finish() -> None:
    broker, seen = InMemoryBroker(), []
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: seen.append("handler"))

    @broker.task
    async def work() -> None:
        seen.append("task")

    await work.kiq()
    await broker.shutdown()

    assert seen == ["task"]


async def test_start_that_failed_for_the_worker_can_be_tried_again() -> None:
    broker, seen = InMemoryBroker(), []

    def connect(_: Any) -> None:
        seen.append("tried")
        if len(seen) == 1:
            raise ConnectionError("no server")

    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, connect)

    with pytest.raises(ConnectionError, match="no server"):
        await broker.startup()
    await broker.startup()

    assert seen == ["tried", "tried"]


async def test_plain_functions_run_after_a_restart() -> None:
    broker = InMemoryBroker()

    @broker.task
    def add(first: int, second: int) -> int:
        return first + second

    for number in range(2):
        async with broker:
            assert (await (await add.kiq(number, 1)).wait_result()).return_value == number + 1


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
