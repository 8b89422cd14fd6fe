"""InMemoryBroker as scripts and tests use it."""

import asyncio
import threading
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqEvents, TaskiqMiddleware
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


async def test_shutdown_without_startup_lets_tasks_finish_and_calls_handlers() -> None:
    """As in 0.13: what a program opened without start-up is closed; once."""
    broker, seen = InMemoryBroker(), []
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: seen.append("client"))
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, lambda _: seen.append("worker"))

    @broker.task
    async def work() -> None:
        seen.append("task")

    await work.kiq()
    await broker.shutdown()
    await broker.shutdown()

    assert seen == ["task", "client", "worker"]


class Opened(TaskiqMiddleware):
    """Notes when it is started and stopped."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def startup(self) -> None:
        self.seen.append("middleware")

    def shutdown(self) -> None:
        self.seen.append("middleware")


async def test_handlers_of_both_kinds_come_before_middlewares() -> None:
    """As in 0.13: a handler of a worker's start-up may open what a middleware needs."""
    seen: list[str] = []
    broker = InMemoryBroker().with_middlewares(Opened(seen))
    for event in TaskiqEvents:
        broker.add_event_handler(event, lambda _, event=event: seen.append(event.name))

    await broker.startup()
    await broker.shutdown()

    assert seen == [
        "CLIENT_STARTUP",
        "WORKER_STARTUP",
        "middleware",
        "CLIENT_SHUTDOWN",
        "WORKER_SHUTDOWN",
        "middleware",
    ]


async def test_any_label_is_accepted() -> None:
    broker, ran = InMemoryBroker(await_inplace=True), []

    @broker.task(priority="high", expires="soon", unique_key=1, delay="later", other=object)
    async def work() -> None:
        ran.append("ran")

    await broker.startup()
    for _ in range(2):
        await work.kiq()

    assert ran == ["ran", "ran"]


async def test_inplace_tasks_have_run_all_their_retries_when_kiq_returns() -> None:
    broker, attempts = InMemoryBroker(await_inplace=True), []

    @broker.task(delay=3600)
    async def third_time(context: Context = TaskiqDepends()) -> int:
        attempts.append(context.attempt)
        if context.attempt < 3:
            raise TaskRetryError(delay=3600)
        return context.attempt

    task = await third_time.kiq()

    assert attempts == [1, 2, 3]
    assert (await task.get_result()).return_value == 3


async def test_delays_are_not_waited_for_by_default() -> None:
    broker, attempts = InMemoryBroker(), []

    @broker.task(delay=3600)
    async def second_time(context: Context = TaskiqDepends()) -> None:
        attempts.append(context.attempt)
        if context.attempt < 2:
            raise TaskRetryError(delay=3600)

    await second_time.kiq()
    await broker.wait_all()

    assert attempts == [1, 2]


async def test_any_number_of_tasks_runs_at_once_by_default() -> None:
    broker, meeting = InMemoryBroker(), asyncio.Barrier(100)

    @broker.task
    async def meet() -> None:
        await meeting.wait()

    for _ in range(100):
        await meet.kiq()

    await asyncio.wait_for(broker.wait_all(), 10)


@pytest.mark.parametrize("limit", [0, -1, None])
async def test_limit_of_nothing_is_no_limit(limit: int | None) -> None:
    broker = InMemoryBroker(max_async_tasks=limit, max_async_tasks_jitter=2)

    @broker.task
    async def answer() -> int:
        return 42

    assert (await (await answer.kiq()).wait_result(timeout=10)).return_value == 42


async def test_task_that_is_not_sent_yet_is_waited_for() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def answer() -> int:
        return 42

    first = await (await answer.kiq()).wait_result()
    waiting = asyncio.create_task(broker.result_backend.wait("later"))
    await asyncio.sleep(0)
    assert not waiting.done()

    await answer.kicker().with_task_id("later").kiq()

    assert (await waiting).return_value == first.return_value == 42


async def test_result_of_an_unknown_task_is_a_key_error_that_says_so() -> None:
    with pytest.raises(KeyError) as caught:
        await InMemoryBroker().result_backend.get_result("unknown")

    assert isinstance(caught.value, ResultNotHereError)
    assert str(caught.value).startswith("There is no result of task unknown, and it is not running")


async def test_running_tasks_can_be_waited_for() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def work() -> None:
        await gate.wait()

    await work.kiq()
    running = broker._running_tasks
    gate.set()
    await asyncio.gather(*running)

    assert len(running) == 1
    assert broker._running_tasks == set()


async def test_plain_functions_run_after_a_restart() -> None:
    broker = InMemoryBroker()

    @broker.task
    def add(first: int, second: int) -> int:
        return first + second

    for number in range(2):
        async with broker:
            assert (await (await add.kiq(number, 1)).wait_result()).return_value == number + 1
