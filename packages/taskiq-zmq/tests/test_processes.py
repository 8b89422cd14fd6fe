"""Real worker processes, and what may happen to them."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from taskiq_testservers.zmq_workers import QUICK, MakeClient, SpawnWorker, connected, settled
from taskiq_zmq import ZeroMQBroker

pytestmark = pytest.mark.timeout(120)


async def declared(*values: object) -> Any:
    """Tasks that only the worker has: the client knows their names."""


async def exists(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110  # a file has no event
        await asyncio.sleep(0.005)


@pytest.fixture
async def quick(make_client: MakeClient) -> ZeroMQBroker:
    """A client that notices a silent worker soon."""
    client = await make_client(heartbeats=QUICK)
    for name in ("double", "pid", "hang_at_first", "block", "twice_double"):
        client.register_task(declared, name)
    return client


async def test_no_task_is_lost_when_a_worker_is_killed_in_the_middle(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker
) -> None:
    victim, _ = spawn_worker(quick.bound_address), spawn_worker(quick.bound_address)
    await connected(quick, 2)
    double = quick.find_task("double")
    assert double is not None
    sent = [await double.kiq(number) for number in range(2_000)]
    for each in sent[:300]:
        await each.wait_result(timeout=60)
    assert (await quick.stats()).waiting > 0

    victim.kill()

    results = [await each.wait_result(timeout=60) for each in sent]
    assert [result.return_value for result in results] == [2 * n for n in range(2_000)]
    await settled(quick)
    assert await quick.workers() == 1


async def test_a_killed_workers_task_goes_to_another_within_a_second(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    victim = spawn_worker(quick.bound_address)
    hang = quick.find_task("hang_at_first")
    assert hang is not None
    sent = await hang.kiq(str(tmp_path / "started"))
    await asyncio.wait_for(exists(tmp_path / "started"), 30)
    other = spawn_worker(quick.bound_address)
    await connected(quick, 2)

    victim.kill()

    result = await sent.wait_result(timeout=10)
    assert result.raise_for_error().return_value == [2, other.pid]


async def test_a_stopped_workers_task_goes_to_another_and_its_late_result_is_dropped(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    stopped = spawn_worker(quick.bound_address)
    await connected(quick, 1)
    block = quick.find_task("block")
    assert block is not None
    sent = await block.kiq(str(tmp_path / "started"), 0.2)
    await asyncio.wait_for(exists(tmp_path / "started"), 30)

    stopped.pause()
    spawn_worker(quick.bound_address)

    assert (await sent.wait_result(timeout=30)).raise_for_error().return_value == 2
    stopped.resume()
    await connected(quick, 2)
    double = quick.find_task("double")
    assert double is not None
    for each in [await double.kiq(number) for number in range(20)]:
        await each.wait_result(timeout=30)
    assert (await sent.get_result()).return_value == 2


async def test_a_worker_whose_loop_is_blocked_is_not_taken_for_dead(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker, tmp_path: Path
) -> None:
    """Three times the heartbeats' timeout; libzmq's own thread answers them."""
    spawn_worker(quick.bound_address)
    block = quick.find_task("block")
    assert block is not None

    sent = await block.kiq(str(tmp_path / "started"), 3 * QUICK.timeout)

    assert (await sent.wait_result(timeout=30)).raise_for_error().return_value == 1


async def test_a_worker_that_is_told_to_stop_says_goodbye_at_once(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker = spawn_worker(quick.bound_address)
    await connected(quick, 1)

    with caplog.at_level("INFO"):
        assert await asyncio.to_thread(worker.terminate) == 0
        await connected(quick, 0)

    assert "it said goodbye" in caplog.text


async def test_a_task_that_sends_tasks_gets_their_results(
    quick: ZeroMQBroker, spawn_worker: SpawnWorker
) -> None:
    spawn_worker(quick.bound_address)
    task = quick.find_task("twice_double")
    assert task is not None

    sent = [await task.kiq(number) for number in range(5)]

    for number, each in enumerate(sent):
        result = await each.wait_result(timeout=30)
        assert result.raise_for_error().return_value == 4 * number


async def test_several_clients_share_the_workers(
    make_client: MakeClient, spawn_worker: SpawnWorker
) -> None:
    clients = [await make_client(heartbeats=QUICK) for _ in range(2)]
    tasks = [client.register_task(declared, "double") for client in clients]
    for _ in range(2):
        spawn_worker(*(client.bound_address for client in clients))

    sent = [await task.kiq(number) for number in range(100) for task in tasks]

    for number, each in enumerate(sent):
        result = await each.wait_result(timeout=30)
        assert result.raise_for_error().return_value == 2 * (number // 2)


async def test_workers_find_a_restarted_client(
    make_client: MakeClient, spawn_worker: SpawnWorker
) -> None:
    old = await make_client(heartbeats=QUICK)
    address = old.bound_address
    spawn_worker(address)
    await connected(old, 1)
    await old.shutdown()

    new = await make_client(address, heartbeats=QUICK)
    sent = await new.register_task(declared, "double").kiq(4)

    assert (await sent.wait_result(timeout=30)).return_value == 8


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
async def test_workers_run_on_uvloop(quick: ZeroMQBroker, spawn_worker: SpawnWorker) -> None:
    spawn_worker(quick.bound_address, UVLOOP="1")
    double = quick.find_task("double")
    assert double is not None

    sent = [await double.kiq(number) for number in range(500)]

    for number, each in enumerate(sent):
        assert (await each.wait_result(timeout=30)).return_value == 2 * number
