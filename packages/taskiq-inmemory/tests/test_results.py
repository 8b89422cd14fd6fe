"""Results in this process: pushed to waiting callers, kept as long as there is space."""

import asyncio
from typing import Any

import pytest

from taskiq_core import TaskiqResult
from taskiq_core.exceptions import (
    NoResultError,
    ResultGetError,
)
from taskiq_core.messages.progress import TaskProgress
from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend
from taskiq_inmemory.errors import ResultNotHereError


def result(value: Any = None, log: str | None = None) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.0, log=log)


async def turns(number: int = 5) -> None:
    """Let whatever can run now, run."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_waiting_is_pushed_and_never_asks() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def work() -> str:
        await gate.wait()
        return "done"

    task = await work.kiq()
    waiting = asyncio.create_task(task.wait_result(check_interval=3600))
    await turns()
    assert not waiting.done()

    gate.set()

    assert (await waiting).return_value == "done"


async def test_get_result_waits_for_a_task_in_flight_and_all_who_wait_get_it() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def work() -> str:
        await gate.wait()
        return "done"

    task = await work.kiq()
    waiting = [
        asyncio.create_task(asking)
        for asking in (task.get_result(), task.get_result(), task.wait_result())
    ]
    await turns()
    assert not await task.is_ready()
    gate.set()

    assert [(await each).return_value for each in waiting] == ["done"] * 3
    assert await task.is_ready()
    assert (await task.get_result()).return_value == "done"


async def test_result_that_was_never_expected_is_not_here() -> None:
    broker = InMemoryBroker(max_stored_results=7)

    with pytest.raises(ResultNotHereError) as caught:
        await broker.result_backend.get_result("unknown")

    assert isinstance(caught.value, ResultGetError)
    assert (caught.value.task_id, caught.value.max_stored_results) == ("unknown", 7)
    assert str(caught.value) == (
        "There is no result of task unknown, and it is not running: it was never sent in this "
        "process, it stored none, or its result was dropped for newer ones. The latest 7 are "
        "kept; InMemoryBroker(max_stored_results=...) keeps more, -1 all."
    )


@pytest.mark.parametrize(
    ("limit", "kept"), [(2, ["3", "4"]), (0, []), (-1, ["1", "2", "3", "4"]), (10, list("1234"))]
)
async def test_oldest_results_are_dropped_for_newer_ones(limit: int, kept: list[str]) -> None:
    broker = InMemoryBroker(max_stored_results=limit)

    @broker.task
    async def work(number: int) -> int:
        return number

    tasks = [await work.kicker().with_task_id(str(n)).kiq(n) for n in range(1, 5)]
    await broker.wait_all()

    assert [task.task_id for task in tasks if await task.is_ready()] == kept
    for task in tasks:
        if task.task_id not in kept:
            with pytest.raises(ResultNotHereError):
                await task.wait_result(timeout=60)


async def test_who_waits_gets_a_result_that_is_dropped_at_once() -> None:
    broker, gate = InMemoryBroker(max_stored_results=0), asyncio.Event()

    @broker.task
    async def work() -> int:
        await gate.wait()
        return 1

    waiting = asyncio.create_task((await work.kiq()).wait_result())
    await turns()
    gate.set()

    assert (await waiting).return_value == 1


async def test_task_that_stores_no_result_ends_the_wait() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def work() -> None:
        await gate.wait()
        raise NoResultError

    task = await work.kiq()
    waiting = asyncio.create_task(task.wait_result())
    await turns()
    gate.set()

    with pytest.raises(ResultNotHereError):
        await waiting
    with pytest.raises(ResultNotHereError):
        await task.get_result()


async def test_two_tasks_of_one_id_share_one_result() -> None:
    broker, gate = InMemoryBroker(), asyncio.Event()

    @broker.task
    async def work(value: int) -> int:
        await gate.wait()
        return value

    first = await work.kicker().with_task_id("same").kiq(1)
    await work.kicker().with_task_id("same").kiq(2)
    gate.set()
    await broker.wait_all()

    assert (await first.wait_result()).return_value == 2


async def test_log_is_given_to_who_asks_for_it() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend()
    await backend.set_result("1", result(1, log="text"))

    assert (await backend.get_result("1")).log is None
    assert (await backend.get_result("1", with_logs=True)).log == "text"
    assert (await backend.wait("1", with_logs=True)).log == "text"


async def test_later_result_of_a_task_stands() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend()

    await backend.set_result("1", result(1))
    await backend.set_result("1", result(2))

    assert (await backend.get_result("1")).return_value == 2


async def test_value_is_the_object_itself() -> None:
    broker, value = InMemoryBroker(), object()

    @broker.task
    async def work() -> object:
        return value

    assert (await (await work.kiq()).wait_result()).return_value is value


async def test_backend_of_another_broker_waits_for_what_may_come_from_anywhere() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend()
    waiting = asyncio.create_task(backend.wait("1"))
    await turns()

    await backend.set_result("1", result(5))

    assert (await waiting).return_value == 5


async def test_progress_is_kept_as_long_as_the_result() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend(max_stored_results=1)
    half = TaskProgress(state="HALF", meta={"done": 5})

    assert await backend.get_progress("1") is None
    await backend.set_progress("1", half)
    await backend.set_result("1", result())
    assert await backend.get_progress("1") is half
    await backend.set_result("2", result())

    assert await backend.get_progress("1") is None


async def test_progress_of_a_task_without_a_result_goes_with_it() -> None:
    backend: InmemoryResultBackend[int] = InmemoryResultBackend()
    backend.expect("1")
    await backend.set_progress("1", TaskProgress(state="HALF", meta=None))

    backend.settled("1")

    assert await backend.get_progress("1") is None
