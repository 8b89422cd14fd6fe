"""InMemoryBroker as scripts and tests use it."""

import asyncio
import threading
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqEvents
from taskiq_core.exceptions import TaskRetryError, UnknownTaskError
from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend
from taskiq_inmemory.errors import InMemoryListenError, ResultNotHereError


async def test_get_result_waits_for_a_task_in_flight_without_startup() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def wait() -> str:
        await gate.wait()
        return "done"

    task = await wait.kiq()
    asking = asyncio.create_task(task.get_result())
    assert not await task.is_ready()
    gate.set()

    assert (await asking).return_value == "done"
    assert await task.is_ready()


async def test_task_runs_on_another_broker_that_did_not_declare_it() -> None:
    first, second = InMemoryBroker(), InMemoryBroker()

    @first.task
    async def whose(context: Context = TaskiqDepends()) -> bool:
        return context.broker is second

    task = await whose.kicker().with_broker(second).kiq()

    assert (await task.wait_result()).return_value is True


async def test_await_inplace_returns_when_the_task_has_run() -> None:
    broker, ran = InMemoryBroker(await_inplace=True), False

    @broker.task
    async def work() -> None:
        nonlocal ran
        await asyncio.sleep(0)
        ran = True

    await work.kiq()

    assert ran


async def test_plain_function_runs_in_a_thread() -> None:
    broker = InMemoryBroker()

    @broker.task
    def thread() -> str:
        return threading.current_thread().name

    task = await thread.kiq()

    assert (await task.wait_result()).return_value.startswith("taskiq")


async def test_retry_keeps_the_caller_waiting_for_the_last_attempt() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def third_time(context: Context = TaskiqDepends()) -> int:
        if context.attempt < 3:
            raise TaskRetryError
        return context.attempt

    task = await third_time.kiq()

    assert (await task.wait_result(timeout=10)).return_value == 3


async def test_arguments_are_restored_unless_told_not_to() -> None:
    for cast_types, expected in ((True, {1, 2}), (False, [1, 2])):
        broker = InMemoryBroker(cast_types=cast_types)

        @broker.task
        async def kind(numbers: set[int]) -> Any:
            return numbers

        task = await kind.kiq([1, 2, 2] if cast_types else [1, 2])  # type: ignore[arg-type]

        assert (await task.wait_result()).return_value == expected


async def test_result_dropped_for_newer_ones_is_an_error_that_says_so() -> None:
    broker = InMemoryBroker(max_stored_results=2)

    @broker.task
    async def work() -> None: ...

    tasks = [await work.kiq() for _ in range(3)]
    await broker.wait_all()

    with pytest.raises(ResultNotHereError) as caught:
        await tasks[0].wait_result()
    assert str(caught.value) == (
        f"There is no result of task {tasks[0].task_id}, and it is not running: it was never sent "
        "in this process, it stored none, or its result was dropped for newer ones. The latest 2 "
        "are kept; InMemoryBroker(max_stored_results=...) keeps more, -1 all."
    )
    assert (await tasks[2].wait_result()).is_err is False


async def test_whoever_waits_gets_the_result_though_it_is_dropped_at_once() -> None:
    broker = InMemoryBroker(max_stored_results=0)

    @broker.task
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    task = await answer.kiq()

    assert (await task.wait_result()).return_value == 42


async def test_results_of_another_broker_are_waited_for() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend()
    waiting = asyncio.create_task(backend.wait("some-id"))
    await asyncio.sleep(0)
    source = InMemoryBroker()

    @source.task
    async def answer() -> int:
        return 42

    result = await (await answer.kiq()).wait_result()
    await backend.set_result("some-id", result)

    assert (await waiting).return_value == 42


def test_one_broker_in_several_event_loops() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def double(number: int) -> int:
        return number * 2

    async def main() -> int:
        return (await (await double.kiq(21)).wait_result()).return_value

    assert [asyncio.run(main()) for _ in range(3)] == [42, 42, 42]


async def test_unknown_task_is_refused() -> None:
    declared, other = InMemoryBroker(), InMemoryBroker()

    @declared.task(task_name="known")
    async def known() -> None: ...

    kicker = known.kicker()
    kicker.broker = other

    with pytest.raises(UnknownTaskError, match="task name - known"):
        await kicker.kiq()


def test_workers_cannot_listen() -> None:
    with pytest.raises(InMemoryListenError, match="another broker") as caught:
        InMemoryBroker().listen()

    assert isinstance(caught.value, RuntimeError)


def test_made_from_a_url() -> None:
    assert InMemoryBroker.from_url("memory://", await_inplace=True).await_inplace


async def test_handlers_of_both_kinds_of_process_are_called_once_in_order() -> None:
    broker, seen = InMemoryBroker(), []
    for event in TaskiqEvents:
        broker.add_event_handler(event, lambda _, event=event: seen.append(event.name))

    for method in (broker.startup, broker.startup, broker.shutdown, broker.shutdown):
        await method()

    assert seen == ["CLIENT_STARTUP", "WORKER_STARTUP", "CLIENT_SHUTDOWN", "WORKER_SHUTDOWN"]


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


async def test_shutdown_without_startup_calls_no_handler_and_lets_tasks_finish() -> None:
    broker, seen = InMemoryBroker(), []
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: seen.append("handler"))

    @broker.task
    async def work() -> None:
        seen.append("task")

    await work.kiq()
    await broker.shutdown()

    assert seen == ["task"]


async def test_plain_functions_run_after_a_restart() -> None:
    broker = InMemoryBroker()

    @broker.task
    def add(first: int, second: int) -> int:
        return first + second

    for number in range(2):
        async with broker:
            assert (await (await add.kiq(number, 1)).wait_result()).return_value == number + 1
