"""What others published for frameworks, pipelines and schedules, unmodified."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskiq_testservers.commands import StartWorker, find_free_port, run

PLUGINS = [
    "taskiq-aiohttp==0.3.1",
    "taskiq-fastapi==0.5.0",
    "taskiq-faststream==0.4.1",
    "taskiq-nats==0.7.0",
    "taskiq-pipelines==0.1.4",
    "taskiq-redis==1.2.4",
]
LIBRARIES = [
    "aiohttp>=3.9",
    "fastapi>=0.133,<1",
    "faststream[redis]>=0.7,<0.8",
    "nats-py>=2.9",
    "redis>=8,<9",
]
BROKER = """
from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends, ZeroMQBroker
broker = ZeroMQBroker({url!r}, {url!r})
broker.add_middlewares(SimpleRetryMiddleware())


@broker.task
async def fail() -> None:
    raise LookupError("not here")


@broker.task(retry_on_error=True)
async def third_time(context: Context = TaskiqDepends()) -> int:
    attempt = int(context.message.labels.get("_retries", 0)) + 1
    if attempt < 3:
        raise ValueError(attempt)
    return attempt
"""
FASTAPI = """
import taskiq_fastapi
from fastapi import FastAPI, Request
taskiq_fastapi.init(broker, "tkq:app")
app = FastAPI(title="of FastAPI")


@broker.task
async def title(request: Request = TaskiqDepends()) -> str:
    return request.app.title
"""
AIOHTTP = """
import taskiq_aiohttp
from aiohttp import web
taskiq_aiohttp.init(broker, "tkq:app")
app = web.Application()


async def open_up(app: web.Application) -> None:
    app["title"] = "of aiohttp"


app.on_startup.append(open_up)


@broker.task
async def title(app: web.Application = TaskiqDepends()) -> str:
    return app["title"]
"""
SEND = """
import asyncio
from tkq import broker, fail, third_time, title


async def main() -> None:
    await broker.startup()
    for task in (await title.kiq(), await third_time.kiq()):
        print((await task.wait_result(timeout=40)).return_value)
    print(repr((await (await fail.kiq()).wait_result(timeout=40)).error))
    await broker.shutdown()


asyncio.run(main())
"""
PIPELINES = """
from taskiq_pipelines import PipelineMiddleware
broker.add_middlewares(PipelineMiddleware())


@broker.task
def add_one(value: int) -> int:
    return value + 1


@broker.task
def repeat(value: int, times: int) -> list[int]:
    return [value] * times


@broker.task
def check(value: int) -> bool:
    if value < 0:
        raise LookupError("not here")
    return value >= 0
"""
SEND_PIPELINE = """
import asyncio
from taskiq_pipelines import Pipeline
from tkq import add_one, broker, check, repeat


async def main() -> None:
    await broker.startup()
    pipe = Pipeline(broker, add_one).call_next(repeat, times=4).map(add_one).filter(check)
    print((await (await pipe.kiq(1)).wait_result(timeout=40)).return_value)
    pipe = Pipeline(broker, add_one).call_next(check)
    print((await (await pipe.kiq(-5)).wait_result(timeout=40)).is_err)
    await broker.shutdown()


asyncio.run(main())
"""
SCHEDULES = {
    "redis": """
from taskiq_redis import ListQueueBroker, ListRedisScheduleSource, RedisAsyncResultBackend
broker = ListQueueBroker({redis!r}).with_result_backend(RedisAsyncResultBackend({redis!r}))
source = ListRedisScheduleSource({redis!r}, prefix="schedules")
""",
    "nats": """
from taskiq_nats import (
    NATSKeyValueScheduleSource, NATSObjectStoreResultBackend, PullBasedJetStreamBroker
)
broker = PullBasedJetStreamBroker(servers=[{nats!r}], queue="tasks").with_result_backend(
    NATSObjectStoreResultBackend(servers=[{nats!r}])
)
source = NATSKeyValueScheduleSource([{nats!r}])
""",
}
SCHEDULER = """
from taskiq import TaskiqScheduler
scheduler = TaskiqScheduler(broker, [source])


@broker.task
async def add(first: int, second: int) -> int:
    return first + second
"""
SCHEDULE = """
import asyncio
from datetime import UTC, datetime, timedelta
from taskiq import AsyncTaskiqTask
from tkq import add, broker, source


async def main() -> None:
    await broker.startup()
    await source.startup()
    soon = datetime.now(UTC) + timedelta(seconds=1)
    await add.kicker().with_task_id("once").schedule_by_time(source, soon, 1, second=2)
    task = AsyncTaskiqTask("once", broker.result_backend)
    print((await task.wait_result(timeout=90, check_interval=0.05)).return_value)
    by_cron = await add.schedule_by_cron(source, "0 3 * * *", 1, 2)
    print([each.cron for each in await source.get_schedules() if each.cron])
    await by_cron.unschedule()
    print([each.cron for each in await source.get_schedules() if each.cron])
    await source.shutdown()
    await broker.shutdown()


asyncio.run(main())
"""
FASTSTREAM = """
from pathlib import Path
from faststream import FastStream
from faststream.redis import RedisBroker
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_faststream import AppWrapper, BrokerWrapper, StreamScheduler

stream = RedisBroker({redis!r})
broker = {wrapper}


@stream.subscriber("names")
async def greet(name: str) -> None:
    with Path("greeted").open("a") as greeted:
        print(f"hello {{name}}", file=greeted)


def one() -> str:
    return "one"


async def several():
    yield "two"
    yield "three"


EACH_MINUTE = [{{"cron": "* * * * *"}}]
zero = broker.task(message="zero", channel="names", schedule=EACH_MINUTE)
broker.task(message=one, channel="names", schedule=EACH_MINUTE)
broker.task(message=several, channel="names", schedule=EACH_MINUTE)
scheduler = StreamScheduler(broker=broker, sources=[LabelScheduleSource(broker)])
"""
GREETINGS = ["hello zero", "hello one", "hello two", "hello three"]
SEND_TO_STREAM = """
import asyncio
from tkq import broker, zero


async def main() -> None:
    await broker.startup()
    await zero.kiq()
    await broker.shutdown()


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published wheels, beside the packages of this repository."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # Without dependencies: theirs is taskiq, and it is here already.
    subprocess.run([*pip, "--target", folder, "--no-deps", *PLUGINS], check=True)
    subprocess.run([*pip, "--target", folder, *LIBRARIES], check=True)
    return folder


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("program", "title"),
    [(FASTAPI, "of FastAPI"), (AIOHTTP, "of aiohttp")],
    ids=["fastapi", "aiohttp"],
)
def test_tasks_get_the_objects_of_their_framework(
    tmp_path: Path, site: Path, start_worker: StartWorker, program: str, title: str
) -> None:
    url = f"tcp://127.0.0.1:{find_free_port()}"
    (tmp_path / "tkq.py").write_text(BROKER.format(url=url) + program)
    (tmp_path / "send.py").write_text(SEND)
    env = {"PYTHONPATH": str(site)}

    start_worker("tkq:broker", "--workers", "1", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    log = (tmp_path / "worker.log").read_text()
    assert finished.stdout.splitlines() == [title, "3", "LookupError('not here')"], (
        finished.stderr + log
    )


@pytest.mark.timeout(180)
def test_pipelines(tmp_path: Path, site: Path, start_worker: StartWorker) -> None:
    url = f"tcp://127.0.0.1:{find_free_port()}"
    (tmp_path / "tkq.py").write_text(BROKER.format(url=url) + PIPELINES)
    (tmp_path / "send.py").write_text(SEND_PIPELINE)
    env = {"PYTHONPATH": str(site)}

    start_worker("tkq:broker", "--workers", "1", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    log = (tmp_path / "worker.log").read_text()
    assert finished.stdout.splitlines() == ["[3, 3, 3, 3]", "True"], finished.stderr + log


@pytest.mark.timeout(180)
@pytest.mark.parametrize("wrapper", ["AppWrapper(FastStream(stream))", "BrokerWrapper(stream)"])
def test_messages_of_faststream(
    tmp_path: Path, site: Path, taskiq: Path, redis: str, wrapper: str
) -> None:
    """Sent by labels as soon as the scheduler starts, and by a program."""
    (tmp_path / "tkq.py").write_text(FASTSTREAM.format(redis=redis, wrapper=wrapper))
    (tmp_path / "send.py").write_text(SEND_TO_STREAM)
    env = {"PYTHONPATH": str(site)}
    greeted = tmp_path / "greeted"

    with _scheduler([taskiq, "scheduler", "tkq:scheduler"], tmp_path, env) as log:
        _until(lambda: {*_lines(greeted)} == set(GREETINGS), log)
        before = _lines(greeted).count(GREETINGS[0])
        finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)
        _until(lambda: _lines(greeted).count(GREETINGS[0]) > before, log)

    assert finished.returncode == 0, finished.stderr


@pytest.mark.timeout(180)
@pytest.mark.parametrize("store", SCHEDULES)
def test_schedules(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    site: Path,
    start_worker: StartWorker,
    taskiq: Path,
    store: str,
) -> None:
    url = request.getfixturevalue(store)
    (tmp_path / "tkq.py").write_text(SCHEDULES[store].format(**{store: url}) + SCHEDULER)
    (tmp_path / "send.py").write_text(SCHEDULE)
    env = {"PYTHONPATH": str(site)}
    start_worker("tkq:broker", "--workers", "1", cwd=tmp_path, env=env)
    command = [taskiq, "scheduler", "tkq:scheduler", "--update-interval", "1"]
    with _scheduler(command, tmp_path, env):
        finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    logs = (tmp_path / "worker.log").read_text() + (tmp_path / "scheduler.log").read_text()
    assert finished.stdout.splitlines() == ["3", "['0 3 * * *']", "[]"], finished.stderr + logs


@contextmanager
def _scheduler(command: Sequence[str | Path], cwd: Path, env: dict[str, str]) -> Iterator[Path]:
    """Run a scheduler, and yield its log."""
    log = cwd / "scheduler.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **env}, stdout=output, stderr=output
        ) as scheduler,
    ):
        try:
            yield log
        finally:
            scheduler.terminate()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _until(is_done: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if is_done():
            return
        time.sleep(0.05)
    pytest.fail(log.read_text())
