"""Workers are killed, their server too, connections stand or are lost: no task is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from taskiq import TaskiqResult
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
from taskiq_testservers.redis_server import RedisServer

TOTAL = 2000
AT_ONCE = 300
"""Tasks that are under way at a time: the others are sent while the faults go on."""
LEASE = 2.0
SOCKET_TIMEOUT = 1.0
PAUSE = 3.0
"""Longer than both."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(server.port) as proxy:
        yield proxy


@pytest.mark.timeout(180)
async def test_two_thousand_tasks_survive_the_loss_of_workers_server_and_connections(
    tmp_path: Path, start_worker: StartWorker, server: RedisServer, proxy: TcpProxy
) -> None:
    """0 lost, and none started twice but for a reason."""
    options = f"lease={LEASE}&socket_timeout={SOCKET_TIMEOUT}&poll_interval=1"
    url = f"redis://127.0.0.1:{proxy.port}?{options}"
    (tmp_path / "chaos_tasks.py").write_text(TASKS)
    log = Log(tmp_path / "log")
    faults = Faults(log)
    env = {"TASKIQ_BROKER_URL": url, "CHAOS_LOG": str(log.path), "CHAOS_SECONDS": "0.04"}
    arguments = ["--workers", "12", "--max-async-tasks", "1", "--max-prefetch", "1"]
    workers = start_worker("chaos_tasks:broker", *arguments, cwd=tmp_path, env=env)
    broker, work = client_of(url)
    client = Client(work, at_once=AT_ONCE)

    async with broker:
        running = [asyncio.create_task(client.run(number)) for number in range(TOTAL)]
        async with faults.killing():
            await happen_one_by_one(client, faults, server, proxy)
            tasks = await asyncio.gather(*running)
        await until_it_is_empty(broker)
        workers.terminate()
        await asyncio.to_thread(workers.wait)
        results: list[TaskiqResult[Any]] = [await task.get_result() for task in tasks]
        letters = await broker.dead_letters()

    assert letters == []
    assert len(faults.killed) >= 3
    assert faults.stopped
    assert client.repeated
    assert_nothing_is_wrong(log, faults, results, lease=LEASE)


async def happen_one_by_one(
    client: Client, faults: Faults, server: RedisServer, proxy: TcpProxy
) -> None:
    """All that can happen to a server, in the middle of the work, however fast that is."""

    async def pause(**how: bool) -> None:
        proxy.stall(**how)
        await asyncio.sleep(PAUSE)
        proxy.resume()

    async def drop() -> None:
        proxy.cut()

    happenings: list[Callable[[], Awaitable[None]]] = [
        server.restart,
        pause,
        drop,
        lambda: pause(only_answers=True),
        server.restart,
    ]
    for number, happen in enumerate(happenings, start=1):
        await client.until_ended(number * TOTAL // (len(happenings) + 2))
        with faults.to():
            await happen()
    await client.until_ended(TOTAL * 6 // 7)
    await faults.stop_one(2 * LEASE)
