"""Sending tasks from plain functions: from any thread, through one event loop."""

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from taskiq import BlockingClient, InMemoryBroker, TaskiqEvents
from taskiq_core.exceptions import BlockingCallError, TaskCallError, TaskiqResultTimeoutError
from taskiq_core.messages.aborts import AbortState
from taskiq_sqlite import SQLiteBroker


@pytest.fixture
def broker() -> InMemoryBroker:
    return InMemoryBroker(max_stored_results=-1)


@pytest.fixture
def client(broker: InMemoryBroker) -> Iterator[BlockingClient]:
    with BlockingClient(broker) as client:
        yield client


def test_a_task_is_sent_and_its_result_awaited(
    broker: InMemoryBroker, client: BlockingClient
) -> None:
    @broker.task
    async def add(first: int, second: int) -> int:
        return first + second

    task = client.kiq(add, 1, second=2)
    labelled = client.kiq(add.kicker().with_task_id("mine"), 3, 4)

    assert task.wait_result(timeout=10).return_value == 3
    assert labelled.task_id == "mine"
    assert labelled.wait_result().return_value == 7
    assert labelled.is_ready()
    assert labelled.get_result().return_value == 7
    assert labelled.get_progress() is None


def test_many_threads_share_one_loop(broker: InMemoryBroker, client: BlockingClient) -> None:
    loops: set[int] = set()

    @broker.task
    async def note(number: int) -> int:
        loops.add(id(asyncio.get_running_loop()))
        return number

    def send(number: int) -> int:
        return client.kiq(note, number).wait_result(timeout=20).return_value

    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(send, range(200)))

    assert results == list(range(200))
    assert len(loops) == 1


def test_waiting_ends_with_the_timeout(broker: InMemoryBroker, client: BlockingClient) -> None:
    @broker.task
    async def hang() -> None:
        await asyncio.Event().wait()

    task = client.kiq(hang)

    with pytest.raises(TaskiqResultTimeoutError):
        task.wait_result(timeout=0.05)
    assert task.abort() is AbortState.RUNNING
    assert task.wait_result(timeout=10).is_err


def test_a_call_that_takes_too_long_is_cancelled(client: BlockingClient) -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        client.call(hang(), timeout=0.05)
    assert cancelled.wait(10)


def test_a_wrong_call_is_refused(broker: InMemoryBroker, client: BlockingClient) -> None:
    @broker.task
    async def add(first: int, second: int) -> int:
        return first + second

    wrong: Any = add
    with pytest.raises(TaskCallError):
        client.kiq(wrong, 1)


async def test_a_coroutine_has_to_await(broker: InMemoryBroker) -> None:
    @broker.task
    async def add() -> None: ...

    with pytest.raises(BlockingCallError, match=r"await task\.kiq"):
        BlockingClient(broker).kiq(add)


def test_closing_shuts_the_broker_down_and_a_call_starts_it_again(
    broker: InMemoryBroker,
) -> None:
    life: list[str] = []
    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, lambda _: life.append("start"))
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, lambda _: life.append("stop"))

    @broker.task
    async def work() -> None: ...

    with BlockingClient(broker) as client:
        assert life == []
        client.kiq(work)
    client.close()
    assert life == ["start", "stop"]
    client.kiq(work)
    client.close()
    assert life == ["start", "stop"] * 2
    assert not [each for each in threading.enumerate() if "taskiq-blocking" in each.name]


def test_a_broker_that_does_not_start_leaves_no_thread(broker: InMemoryBroker) -> None:
    def fail(_: object) -> None:
        raise OSError("no server")

    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, fail)

    with pytest.raises(OSError, match="no server"):
        BlockingClient(broker).call(asyncio.sleep(0))
    assert not [each for each in threading.enumerate() if "taskiq-blocking" in each.name]


def test_a_forked_child_has_a_loop_of_its_own(tmp_path: Path) -> None:
    """As in a server that forks its workers after the application was imported."""
    broker = SQLiteBroker(str(tmp_path / "tasks.db"))

    @broker.task
    async def work(number: int) -> None: ...

    client = BlockingClient(broker)
    client.kiq(work, 1)
    child = multiprocessing.get_context("fork").Process(target=client.kiq, args=(work, 2))
    child.start()
    child.join(30)

    assert child.exitcode == 0
    assert client.call(broker.stats()).waiting == 2
    client.close()


def test_closing_ends_the_waiting_of_other_threads(broker: InMemoryBroker) -> None:
    @broker.task
    async def hang() -> None:
        await asyncio.Event().wait()

    client = BlockingClient(broker)
    task = client.kiq(hang)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(task.wait_result)
        client.close()

        with pytest.raises(BlockingCallError, match="has closed it"):
            waiting.result(20)


def test_a_fork_while_the_broker_starts_leaves_the_child_free(tmp_path: Path) -> None:
    broker = SQLiteBroker(str(tmp_path / "tasks.db"))
    client = BlockingClient(broker)

    @broker.task
    async def work() -> None: ...

    with client._lock:  # as another thread holds it during the start-up
        child = multiprocessing.get_context("fork").Process(target=client.kiq, args=(work,))
        child.start()
        child.join(30)

    assert child.exitcode == 0
