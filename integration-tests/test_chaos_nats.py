"""Workers are killed, and their NATS server is restarted: no task is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from taskiq import TaskiqResult
from taskiq_testservers.chaos import (
    TASKS,
    Client,
    Fault,
    Faults,
    Log,
    Start,
    client_of,
    until_it_is_empty,
)
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.nats_server import NatsServer

TOTAL = 600
AT_ONCE = 200
"""Tasks that are under way at a time: the others are sent while the faults go on."""
LEASE = 2.0
RESTARTS = 3
FORGOTTEN = 2.0
"""Seconds before a kill of the server whose acknowledgements it may not have written down."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.mark.timeout(180)
async def test_six_hundred_tasks_survive_the_loss_of_workers_and_server(
    tmp_path: Path, start_worker: StartWorker, server: NatsServer
) -> None:
    """0 lost, and none started twice but for a reason."""
    url = f"{server.url}?lease={LEASE}&request_timeout=2"
    (tmp_path / "chaos_tasks.py").write_text(TASKS)
    log = Log(tmp_path / "log")
    faults = Faults(log)
    env = {"TASKIQ_BROKER_URL": url, "CHAOS_LOG": str(log.path), "CHAOS_SECONDS": "0.04"}
    arguments = ["--workers", "6", "--max-async-tasks", "1", "--max-prefetch", "1"]
    workers = start_worker("chaos_tasks:broker", *arguments, cwd=tmp_path, env=env)
    broker, work = client_of(url)
    client = Client(work, at_once=AT_ONCE)
    kills: list[Fault] = []

    async with broker:
        running = [asyncio.create_task(client.run(number)) for number in range(TOTAL)]
        async with faults.killing():
            for number in range(1, RESTARTS + 1):
                await client.until_ended(number * TOTAL // (RESTARTS + 1))
                with faults.to():
                    await server.restart()
                kills.append(faults.all[-1])
            tasks = await asyncio.gather(*running)
        await until_it_is_empty(broker)
        workers.terminate()
        await asyncio.to_thread(workers.wait)
        results: list[TaskiqResult[Any]] = [await task.get_result() for task in tasks]
        letters = await broker.dead_letters()

    assert letters == []
    assert faults.killed
    stored = [Start.of(result.raise_for_error().return_value) for result in results]
    assert [each.number for each in stored] == list(range(TOTAL))
    unexplained = log.unexplained(faults.all, lease=LEASE)
    assert [pair for pair in unexplained if not were_forgotten(*pair, kills)] == []


def were_forgotten(before: Start, again: Start, kills: list[Fault]) -> bool:
    """Return whether a killed server may have forgotten that a start was acknowledged."""
    first = min(before.time, again.time)
    return any(kill.begin - FORGOTTEN <= first <= kill.end + LEASE for kill in kills)
