"""Several workers behind one port: their numbers are added up, and survive the death of one."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from taskiq_zmq import ZeroMQBroker

APP = """
import asyncio, os
from taskiq_prometheus import PrometheusMiddleware
from taskiq_zmq import ZeroMQBroker

broker = ZeroMQBroker("{url}", "{url}").with_middlewares(
    PrometheusMiddleware(server_port={port}, server_addr="127.0.0.1")
)

@broker.task("pid")
async def pid() -> int:
    await asyncio.sleep(0.05)
    return os.getpid()

@broker.task("hang")
async def hang() -> None:
    await asyncio.sleep(600)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Workers:
    """Two workers of one supervisor, their client, and what they serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self.port = free_port()
        (folder / "app.py").write_text(APP.format(url=self.url, port=self.port))
        self.client = ZeroMQBroker(self.url, self.url)
        self.pid = self.client.task("pid")(lambda: 0)
        self.hang = self.client.task("hang")(lambda: None)
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "taskiq_cli",
                "worker",
                "app:broker",
                "--wait-tasks-timeout",
                "1",
            ],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def scrape(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as response:
            return str(response.read().decode())

    async def until(self, name: str, labels: str, value: float) -> None:
        """Scrape until a sample has this value."""
        wanted = f"{name}{{{labels}}} {value}\n"
        text = ""
        async with asyncio.timeout(40):
            while wanted not in text:
                try:
                    text = await asyncio.to_thread(self.scrape)
                except (URLError, ConnectionError):
                    text = ""
                await asyncio.sleep(0.05)

    async def pids(self, count: int) -> list[int]:
        tasks = [await self.pid.kiq() for _ in range(count)]
        return [(await task.wait_result(timeout=40)).return_value for task in tasks]

    def shared(self) -> list[Path]:
        return list(self.folder.glob("taskiq-workers-*"))


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers(tmp_path)
    async with workers.client:
        yield workers
        if workers.process.returncode is None:
            workers.process.terminate()
            await asyncio.to_thread(workers.process.communicate, timeout=40)


async def test_numbers_of_all_workers_are_added_up_and_nothing_is_left(workers: Workers) -> None:
    done = 0
    pids: set[int] = set()
    while len(pids) < 2:
        pids |= set(await workers.pids(10))
        done += 10

    await workers.until("received_tasks_total", 'task_name="pid"', float(done))
    await workers.until("tasks_in_flight", 'task_name="pid"', 0.0)

    assert len(workers.shared()) == 1
    workers.process.terminate()
    output, _ = await asyncio.to_thread(workers.process.communicate, timeout=40)
    assert workers.process.returncode == 0, output
    assert workers.shared() == []
    assert output.count("Metrics are served") == 1


async def test_another_worker_serves_when_the_one_that_did_is_killed(workers: Workers) -> None:
    (first,) = await workers.pids(1)
    await workers.hang.kiq()
    await workers.until("tasks_in_flight", 'task_name="hang"', 1.0)
    pids = {first}
    while len(pids) < 2:
        pids |= set(await workers.pids(4))

    for pid in pids:  # one of them serves; the supervisor starts new ones
        os.kill(pid, signal.SIGKILL)

    # What was counted stays, the hanging task was given to a new worker and counts once.
    await workers.until("tasks_in_flight", 'task_name="hang"', 1.0)
    text = workers.scrape()
    counted: Any = re.search(r'received_tasks_total\{task_name="hang"\} (\d)', text)
    assert int(counted[1]) >= 2


async def test_taken_port_is_said_by_the_worker(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        url = f"tcp://127.0.0.1:{free_port()}"
        (tmp_path / "app.py").write_text(APP.format(url=url, port=port))
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--max-fails", "1"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    assert f"Metrics can't be served at 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
