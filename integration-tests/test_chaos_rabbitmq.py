"""Workers are killed, their node restarts, connections are lost: no task in RabbitMQ is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from taskiq import TaskiqResult
from taskiq.plugins import result_backend_from_url
from taskiq_testkit import TcpProxy
from taskiq_testservers.chaos import (
    TASKS,
    Client,
    Faults,
    Log,
    assert_nothing_is_wrong,
    client_of,
    until_it_is_empty,
)
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.rabbitmq_server import RabbitServer

TOTAL: Final = 600
AT_ONCE: Final = 100
"""Tasks that are under way at a time: the others are sent while the faults go on."""
NOTICED: Final = 2.0
"""Seconds within which a worker notices that its connection has ended."""
PROGRAM: Final = TASKS.replace(
    "broker = broker_from_url()",
    "from taskiq.plugins import result_backend_from_url\n\n"
    'results = result_backend_from_url(os.environ["CHAOS_RESULTS"])\n'
    "broker = broker_from_url().with_result_backend(results)",
)


@pytest.fixture
async def server() -> AsyncIterator[RabbitServer]:
    async with RabbitServer() as server:
        yield server


@pytest.fixture
async def proxy(server: RabbitServer) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(server.port) as proxy:
        yield proxy


@pytest.mark.timeout(180)
async def test_tasks_survive_the_loss_of_workers_node_and_connections(
    tmp_path: Path, start_worker: StartWorker, server: RabbitServer, proxy: TcpProxy
) -> None:
    """0 lost, and none started twice but for a reason."""
    url = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    results = f"sqlite:///{tmp_path}/results.db"
    (tmp_path / "chaos_tasks.py").write_text(PROGRAM)
    log = Log(tmp_path / "log")
    faults = Faults(log)
    env = {
        "TASKIQ_BROKER_URL": url,
        "CHAOS_LOG": str(log.path),
        "CHAOS_SECONDS": "0.04",
        "CHAOS_RESULTS": results,
    }
    arguments = ["--workers", "4", "--max-async-tasks", "1", "--max-prefetch", "1"]
    workers = start_worker("chaos_tasks:broker", *arguments, cwd=tmp_path, env=env)
    broker, work = client_of(url)
    broker.with_result_backend(result_backend_from_url(results))
    client = Client(work, at_once=AT_ONCE, patience=120)

    async with broker:
        running = [asyncio.create_task(client.run(number)) for number in range(TOTAL)]
        async with faults.killing():
            await client.until_ended(TOTAL // 4)
            with faults.to():
                proxy.cut()
            await client.until_ended(TOTAL // 2)
            with faults.to():
                await server.restart()
            # Not to the end: the supervisor waits longer before each start of workers that die,
            # until none lives for long enough.
            await client.until_ended(2 * TOTAL // 3)
        tasks = await asyncio.gather(*running)
        await until_it_is_empty(broker)
        workers.terminate()
        await asyncio.to_thread(workers.wait)
        stored: list[TaskiqResult[Any]] = [await task.get_result() for task in tasks]
        letters = await broker.dead_letters()

    assert letters == []
    assert len(faults.killed) >= 2
    assert client.repeated
    assert_nothing_is_wrong(log, faults, stored, lease=NOTICED)
