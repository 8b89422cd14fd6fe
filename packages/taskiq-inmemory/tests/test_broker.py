"""InMemoryBroker as scripts and tests use it."""

import asyncio
import logging
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqEvents, TaskiqState
from taskiq_core.exceptions import TaskRetryError, UnknownTaskError
from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend
from taskiq_inmemory.errors import InMemoryListenError, ResultNotHereError
from taskiq_inmemory.plugin import taskiq_register_brokers


def test_program_of_the_readme(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    # The façade is not among this package's dependencies.
    program = program.replace("from taskiq import", "from taskiq_inmemory import")
    (tmp_path / "program.py").write_text(program)

    finished = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (finished.stdout, finished.stderr) == ("3\n", "")


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


async def test_delayed_task_runs_later() -> None:
    broker, order = InMemoryBroker(), []

    @broker.task
    async def note(name: str) -> None:
        order.append(name)

    late = await note.kicker().with_labels(delay=0.02).kiq("late")
    await note.kiq("now")
    await late.wait_result()

    assert order == ["now", "late"]


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


async def test_what_a_task_logs_is_in_its_result() -> None:
    broker = InMemoryBroker(logs_format="%(levelname)s %(message)s")
    logger = logging.getLogger("application")

    @broker.task
    async def talk(name: str) -> None:
        logger.warning("from %s", name)
        await asyncio.sleep(0)
        logger.warning("still from %s", name)

    @broker.task
    def talk_in_a_thread() -> None:
        logger.warning("from a thread")

    async with broker:
        tasks = [await talk.kiq("one"), await talk.kiq("two"), await talk_in_a_thread.kiq()]
        logs = [(await task.wait_result(with_logs=True)).log for task in tasks]
        without = (await tasks[0].wait_result()).log

    assert logs == [
        "WARNING from one\nWARNING still from one\n",
        "WARNING from two\nWARNING still from two\n",
        "WARNING from a thread\n",
    ]
    assert without is None


def test_one_broker_in_several_event_loops() -> None:
    broker = InMemoryBroker()

    @broker.task
    async def double(number: int) -> int:
        return number * 2

    async def main() -> int:
        return (await (await double.kiq(21)).wait_result()).return_value

    assert [asyncio.run(main()) for _ in range(3)] == [42, 42, 42]


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


async def test_shutdown_cancels_at_its_deadline_and_says_what_did_not_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker, started = InMemoryBroker(shutdown_timeout=0.01, max_async_tasks=1), 0

    @broker.task(task_name="endless")
    async def endless() -> None:
        nonlocal started
        started += 1
        await asyncio.Event().wait()

    await broker.startup()
    tasks = [await endless.kiq() for _ in range(3)]
    with caplog.at_level(logging.WARNING):
        await broker.shutdown()

    assert started == 1
    assert "These tasks did not run before the shutdown" in caplog.text
    assert all(f"endless ({task.task_id})" in caplog.text for task in tasks)


async def test_handlers_of_clients_and_of_workers_are_called_once() -> None:
    broker, seen = InMemoryBroker(), []
    for event in TaskiqEvents:

        def note(state: TaskiqState, event: TaskiqEvents = event) -> None:
            seen.append(event.value)

        broker.add_event_handler(event, note)

    for _ in range(2):
        await broker.startup()
    for _ in range(2):
        await broker.shutdown()

    assert seen == ["CLIENT_STARTUP", "WORKER_STARTUP", "CLIENT_SHUTDOWN", "WORKER_SHUTDOWN"]


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


def test_plugin_declares_what_the_broker_can_do() -> None:
    (spec,) = taskiq_register_brokers()

    assert spec.capabilities == InMemoryBroker.capabilities
