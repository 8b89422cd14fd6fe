"""Brokers that others published for taskiq 0.13, unmodified, on real servers."""

import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from string import Formatter

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import taskiq
from taskiq_testservers.commands import StartWorker, run

PLUGINS = ["taskiq-redis==1.2.4", "taskiq-nats==0.7.0", "taskiq-aio-pika==0.6.1"]
CLIENT_LIBRARIES = ["redis>=5", "nats-py>=2.9", "aio-pika>=9"]
BROKERS = {
    "redis": """
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend
broker = ListQueueBroker({redis!r}).with_result_backend(RedisAsyncResultBackend({redis!r}))
""",
    "redis-stream": """
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker
broker = RedisStreamBroker({redis!r}).with_result_backend(RedisAsyncResultBackend({redis!r}))
""",
    "nats": """
from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker
broker = PullBasedJetStreamBroker(servers=[{nats!r}], queue="tasks").with_result_backend(
    NATSObjectStoreResultBackend(servers=[{nats!r}])
)
""",
    "rabbitmq": """
from taskiq_aio_pika import AioPikaBroker
from taskiq_redis import RedisAsyncResultBackend
broker = AioPikaBroker({rabbitmq!r}).with_result_backend(RedisAsyncResultBackend({redis!r}))
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
    attempt = int(context.message.labels.get("_retries", 0)) + 1
    if attempt < 3:
        raise ValueError(attempt)
    return attempt
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


@pytest.mark.timeout(180)
@pytest.mark.parametrize("broker", BROKERS)
def test_sends_returns_fails_and_retries(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    site: Path,
    start_worker: StartWorker,
    broker: str,
) -> None:
    program = BROKERS[broker]
    servers = {name for _, name, _, _ in Formatter().parse(program) if name}
    urls = {name: request.getfixturevalue(name) for name in servers}
    (tmp_path / "tkq.py").write_text(program.format(**urls) + TASKS)
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
