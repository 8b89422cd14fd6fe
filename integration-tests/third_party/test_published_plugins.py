"""Brokers that others published for taskiq 0.13, unmodified, on real servers."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import taskiq
from support import StartWorker, run

PLUGINS = ["taskiq-redis==1.2.4", "taskiq-nats==0.7.0"]
CLIENT_LIBRARIES = ["redis>=5", "nats-py>=2.9"]
BROKERS = {
    "redis": """
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend
broker = ListQueueBroker({url!r}).with_result_backend(RedisAsyncResultBackend({url!r}))
""",
    "redis-stream": """
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker
broker = RedisStreamBroker({url!r}).with_result_backend(RedisAsyncResultBackend({url!r}))
""",
    "nats": """
from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker
broker = PullBasedJetStreamBroker(servers=[{url!r}], queue="tasks").with_result_backend(
    NATSObjectStoreResultBackend(servers=[{url!r}])
)
""",
}
TASKS = """
from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends
broker.add_middlewares(SimpleRetryMiddleware())


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


@broker.task
def fail() -> None:
    raise LookupError("not here")


@broker.task(retry_on_error=True)
async def third_time(context: Context = TaskiqDepends()) -> int:
    if context.attempt < 3:
        raise ValueError(context.attempt)
    return context.attempt
"""
SEND = """
import asyncio
from tkq import add, broker, fail, third_time


async def main() -> None:
    await broker.startup()
    tasks = [await add.kiq(number, 1) for number in range(50)]
    results = [await task.wait_result(timeout=30, check_interval=0.05) for task in tasks]
    print(sum(result.return_value for result in results))
    print(repr((await (await fail.kiq()).wait_result(timeout=30)).error))
    print((await (await third_time.kiq()).wait_result(timeout=30)).return_value)
    await broker.shutdown()


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published wheels, beside the packages of this repository."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    target = ["--target", folder]
    # Without dependencies: theirs is taskiq, and it is here already.
    subprocess.run([*pip, *target, "--no-deps", *PLUGINS], check=True)
    subprocess.run([*pip, *target, *CLIENT_LIBRARIES], check=True)
    return folder


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A private server, from when it answers until the test is over."""
    binary = shutil.which(command[0])
    if binary is None:
        # On a machine of one's own that is no fault; where changes are merged it is.
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{command[0]} is not on this machine: install it, these tests need it")
        raise AssertionError
    with subprocess.Popen(
        [binary, *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            yield
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"nothing answers at port {port}")


@pytest.fixture
def redis_url(free_port: int) -> Iterator[str]:
    options = ["--port", str(free_port), "--bind", "127.0.0.1", "--save", ""]
    with running(["redis-server", *options], free_port):
        yield f"redis://127.0.0.1:{free_port}"


@pytest.fixture
def nats_url(free_port: int, tmp_path: Path) -> Iterator[str]:
    options = ["-a", "127.0.0.1", "-p", str(free_port), "-js", "-sd", str(tmp_path / "nats")]
    with running(["nats-server", *options], free_port):
        yield f"nats://127.0.0.1:{free_port}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("broker", BROKERS)
def test_sends_returns_fails_and_retries(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    site: Path,
    start_worker: StartWorker,
    broker: str,
) -> None:
    url = request.getfixturevalue(f"{broker.partition('-')[0]}_url")
    (tmp_path / "tkq.py").write_text(BROKERS[broker].format(url=url) + TASKS)
    (tmp_path / "send.py").write_text(SEND)
    env = {"PYTHONPATH": str(site)}

    start_worker("tkq:broker", "--workers", "2", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    expected = [str(sum(range(1, 51))), "LookupError('not here')", "3"]
    log = (tmp_path / "worker.log").read_text()
    assert finished.stdout.splitlines() == expected, finished.stderr + log


def test_their_requirement_of_taskiq_is_met(site: Path) -> None:
    wanted = [
        Requirement(line)
        for metadata in site.glob("taskiq_*.dist-info/METADATA")
        for line in HeaderParser().parsestr(metadata.read_text()).get_all("Requires-Dist", [])
    ]
    of_taskiq = [each for each in wanted if canonicalize_name(each.name) == "taskiq"]

    assert len(of_taskiq) == len(PLUGINS)
    assert all(each.specifier.contains(taskiq.__version__) for each in of_taskiq)
