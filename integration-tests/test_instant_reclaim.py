"""A worker is killed with the default lease of 60 s: its task runs elsewhere within two seconds."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_redis import RedisBroker
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.cli_project import Command, Project
from taskiq_testservers.redis_server import RedisServer

WITHIN = 2.0
MAKE = {
    "files": "PresentFileBroker(Path('messages').absolute())",
    "sqlite": "broker_from_url('sqlite:///tasks.db')",
    "redis": "broker_from_url('redis://127.0.0.1:{port}/0')",
}


def _knows_workers(broker: type[AsyncBroker]) -> bool:
    abilities = broker.capabilities or ()
    return Capability.PRESENCE in abilities and broker.announce is not AsyncBroker.announce


# Brokers take part as soon as they know their workers.
KINDS = [
    "files",
    *(["sqlite"] if _knows_workers(SQLiteBroker) else []),
    *(["redis"] if _knows_workers(RedisBroker) else []),
]

APPLICATION = """
import asyncio, os
from pathlib import Path
from app import files, leave
from present_file_broker import PresentFileBroker
from taskiq import broker_from_url

broker = {make}


@broker.task(task_name="stay")
async def stay(name: str) -> None:
    if (files / f"{{name}}.first").exists():
        leave(name, str(os.getpid()))
        return
    leave(f"{{name}}.first", str(os.getpid()))
    await asyncio.Event().wait()
"""
SEND = """
import asyncio, shop

async def main():
    await shop.broker.startup()
    await shop.stay.kiq("order")
    await shop.broker.shutdown()

asyncio.run(main())
"""


@pytest.fixture
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    """The port of a server, where the broker needs one."""
    if request.getfixturevalue("kind") != "redis":
        yield 0
        return
    async with RedisServer(tmp_path / "redis") as server:
        yield server.port


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path / "project")
    yield project
    project.clean_up()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [1, 2], ids=["by the next one", "by another one"])
async def test_task_of_a_killed_worker_runs_elsewhere_at_once(
    project: Project, port: int, kind: str, workers: int
) -> None:
    project.write("shop.py", APPLICATION.format(make=MAKE[kind].format(port=port)))
    project.write("send.py", SEND)
    command = await asyncio.to_thread(_start, project, workers)
    sending = await asyncio.create_subprocess_exec(
        sys.executable, "send.py", cwd=project.folder, env=project.env
    )
    assert await sending.wait() == 0
    first = int(await asyncio.to_thread(project.file, "order.first"))

    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    second = int(await asyncio.to_thread(project.file, "order"))
    took = time.monotonic() - killed

    assert second != first
    if workers > 1:  # else the next one has to import everything first, on whatever machine this is
        assert took < WITHIN
    assert await asyncio.to_thread(command.stop) == 0


def _start(project: Project, workers: int) -> Command:
    command = project.start("worker", "shop:broker", "-w", str(workers))
    command.listening(workers)
    return command
