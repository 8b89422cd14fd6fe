"""Several workers behind one port: their numbers are added up, and survive the death of one."""

import asyncio
import fcntl
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from taskiq_prometheus import metrics_server
from taskiq_prometheus.metrics_server import MetricsServer
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


@pytest.mark.parametrize("count", ["1", "3"])
async def test_taken_port_is_said_once_and_ends_the_workers(tmp_path: Path, count: str) -> None:
    """However many workers there are, and whichever of them tries to serve."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        url = f"tcp://127.0.0.1:{free_port()}"
        (tmp_path / "app.py").write_text(APP.format(url=url, port=port))
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "-w", count],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    said = f"Metrics can't be served at 127.0.0.1:{port}: Address already in use. Another program"
    assert done.stderr.count(said) == 1, done.stderr
    assert "PrometheusMiddleware(server_port=...)" in done.stderr
    assert "started again" not in done.stderr
    assert "server up" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 9


async def test_a_port_that_is_taken_meanwhile_is_served_when_it_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that run go on; the one that takes over says once that it can't have the port."""
    tries: list[int] = []

    def serve(port: int, *args: Any) -> Any:
        tries.append(port)
        return start_http_server(port, *args)

    monkeypatch.setattr(metrics_server, "start_http_server", serve)
    monkeypatch.setattr(metrics_server, "TAKEOVER_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "taskiq.prometheus")
    port = free_port()
    server = MetricsServer(CollectorRegistry(), "127.0.0.1", port, lock=tmp_path / "lock")

    with (tmp_path / "lock").open("w") as served_by_another, socket.socket() as taken:
        fcntl.flock(served_by_another, fcntl.LOCK_EX)
        served_by_another.write("settled")
        served_by_another.flush()
        await server.start()
        assert tries == []
        taken.bind(("127.0.0.1", port))
        taken.listen()
        fcntl.flock(served_by_another, fcntl.LOCK_UN)  # its process has died
        await until(lambda: len(tries) > 3)
    await until(lambda: "Metrics are served" in caplog.text)
    server.stop()

    assert caplog.text.count("can't be served") == 1


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not is_so():  # noqa: ASYNC110  # what happens in another thread
            await asyncio.sleep(0.01)
