"""Faults under a running worker: when they are over it goes on, the same process."""

import asyncio
import contextlib
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis

from taskiq_core import AsyncBroker
from taskiq_core.exceptions import TaskAbortedError, TaskiqError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.receiver import Receiver
from taskiq_redis import RedisBroker
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.hostile.scale import Scale, count
from taskiq_testservers.hostile.worker_trial import WorkerTrial, send_good
from taskiq_testservers.redis_server import RedisServer

DISK = 65_536
"""Bytes of a file that a worker may write while the disk is full."""
STORM = (signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGSTOP)
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "faults.db"


@pytest.fixture
def trial(path: Path, tmp_path: Path, scale: Scale) -> WorkerTrial:
    lines = f"""
        from taskiq_sqlite import SQLiteBroker
        broker = SQLiteBroker({str(path)!r}, lease=5.0, busy_timeout=0.5)
        """
    return WorkerTrial(tmp_path, scale, lines)


@pytest.mark.timeout(600)
async def test_file_that_was_locked(
    trial: WorkerTrial, path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    async with SQLiteBroker(path) as client:
        await trial.start(start_worker)
        first = await send_good(client, scale)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(1.5 * scale.seconds)
        other.execute("ROLLBACK")
        other.close()

        await trial.finish(first)
        await trial.finish(await send_good(client, scale))
        facts = await trial.check()

    count("seconds for which a SQLite file was locked", round(1.5 * scale.seconds), **facts)


@pytest.mark.timeout(600)
async def test_disk_that_was_full(
    trial: WorkerTrial, path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    """A limit of the size of files is a full disk for one process."""
    async with SQLiteBroker(path) as client:
        await trial.start(start_worker)
        [worker] = trial.workers()
        _, most = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (DISK, most))
        first = [*await send_good(client, scale), *await send_good(client, scale)]
        while path.with_name(path.name + "-wal").stat().st_size < 2 * DISK:
            first += await send_good(client, scale)
        await asyncio.sleep(scale.seconds)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, most))

        async with asyncio.timeout(200):
            for task in first:
                assert not (await task.wait_result()).is_err
        await trial.finish(await send_good(client, scale))
        facts = await trial.check()

    count("tasks sent while a worker's disk was full", len(first), **facts)


@pytest.mark.timeout(600)
async def test_corrupt_pages_end_the_worker_with_the_cure(
    trial: WorkerTrial, path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    """Trying again would not mend them: status 9, as for all that only an operator can mend."""
    rng = Random(scale.seed)
    async with SQLiteBroker(path) as client:
        await trial.start(start_worker)
        await trial.finish(await send_good(client, scale))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        for page in range(1, pages):
            file.seek(page * 4096)
            file.write(rng.randbytes(4096))
    with contextlib.suppress(TaskiqError):  # an error is right, at opening or at sending
        async with SQLiteBroker(path) as client:
            await send_good(client, scale)

    assert await trial.ended() == 9
    assert "it is damaged. Restore it from a backup" in trial.log
    count("corrupt pages of a SQLite file", pages - 1, outcome="status 9, with the cure")


@pytest.mark.timeout(600)
async def test_rights_that_were_taken_away(
    tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    """What was sent is run when they are back; a worker that met it has ended with the cure."""
    async with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        url = server.url.replace("//", "//worker:secret@")
        rights = ("on", ">secret", "~*", "&*", "+@all")
        lines = f"""
            from taskiq_redis import RedisBroker
            broker = RedisBroker({url!r}, lease=5.0, poll_interval=0.2)
            """
        trial, rng = WorkerTrial(tmp_path, scale, lines), Random(scale.seed)
        client = RedisBroker(server.url, lease=5.0)
        async with client, Redis.from_url(server.url) as redis:
            await redis.execute_command("ACL", "SETUSER", "worker", *rights)
            taken = ["-evalsha", "-@scripting", "-hget", "-zadd", "-@write", "-@all", "-blpop"]
            taken = taken if scale.is_full else taken[:2]
            for right in rng.sample(taken, len(taken)):
                if not trial.is_running:
                    await trial.start(start_worker)
                await redis.execute_command("ACL", "SETUSER", "worker", right)
                tasks = await send_good(client, scale)
                await asyncio.sleep(1.0)
                # What runs may store its results, for which a worker that ends waits.
                await redis.execute_command("ACL", "SETUSER", "worker", "+@all")

                if not await trial.finished_or_ended(tasks):
                    assert await trial.ended() == 9
                    assert "Give the user the rights that the README" in trial.log
            if not trial.is_running:
                await trial.start(start_worker)
            await trial.finish(tasks)
            facts = await trial.check()

    count("rights of a Redis user taken away", len(taken), **facts)


@pytest.mark.timeout(600)
async def test_signals_in_a_storm_lose_nothing(
    path: Path, tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    """At every stage of a worker's life; SIGSTOP is followed by SIGCONT."""
    rng, sent = Random(scale.seed), 0
    lines = f"""
        from taskiq_sqlite import SQLiteBroker
        broker = SQLiteBroker({str(path)!r}, lease=2.0)
        """
    trial = WorkerTrial(tmp_path, scale, lines)
    async with SQLiteBroker(path) as client:
        tasks = await send_good(client, scale)
        for _ in range(12 if scale.is_full else 3):
            supervisor = start_worker("tkq:broker", "--workers", "2", cwd=tmp_path)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rng.uniform(0.1, 5.0)):
                    while True:
                        await asyncio.sleep(rng.uniform(0, 0.02))
                        supervisor.send_signal(rng.choice(STORM))
                        supervisor.send_signal(signal.SIGCONT)
                        sent += 1
            for _ in range(rng.randint(1, 6)):
                supervisor.send_signal(rng.choice(ENDS))
                supervisor.send_signal(signal.SIGCONT)
                await asyncio.sleep(rng.uniform(0, 0.1))
                sent += 1
            supervisor.kill()
            supervisor.wait()
        await trial.start(start_worker)
        await trial.finish(tasks)

    count("signals to supervisors", sent)


@pytest.fixture(params=["sqlite", "redis"])
async def brokers(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[AsyncBroker, AsyncBroker]]:
    if request.param == "sqlite":
        yield SQLiteBroker(tmp_path / "a.db", lease=2.0), SQLiteBroker(tmp_path / "a.db", lease=2.0)
        return
    async with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        yield RedisBroker(server.url, lease=2.0), RedisBroker(server.url, lease=2.0)


@pytest.mark.timeout(600)
async def test_abort_that_was_answered_is_not_lost(
    brokers: tuple[AsyncBroker, AsyncBroker], scale: Scale
) -> None:
    """Aborts at every moment of a delivery, of tasks that would go on for longer than the test."""
    client, worker = brokers
    rng = Random(scale.seed)
    worker.is_worker_process = True
    worker.register_task(_sleep, "sleep")  # type: ignore[attr-defined]
    task = client.register_task(_sleep, "sleep")  # type: ignore[attr-defined]
    finish = asyncio.Event()
    slots = asyncio.Semaphore(40)

    async def abort_one() -> AbortState:
        async with slots:
            sent = await task.kiq()
            await asyncio.sleep(rng.choice((0, rng.uniform(0, 0.005), rng.uniform(0, 0.1))))
            state = await sent.abort()
            result = await sent.wait_result(timeout=100)
            assert isinstance(result.error, TaskAbortedError), state
            return state

    async with client:  # type: ignore[attr-defined]
        listening = asyncio.create_task(Receiver(worker, max_async_tasks=20).listen(finish))  # type: ignore[arg-type]
        tries = scale.cases // 4
        states = await asyncio.gather(*(abort_one() for _ in range(tries)))
        finish.set()
        await listening
        await worker.shutdown()  # type: ignore[attr-defined]

    assert {AbortState.QUEUED, AbortState.RUNNING} >= set(states)
    count(f"aborts at random moments, {type(client).__name__}", tries, outcome="none was lost")


async def _sleep() -> None:
    await asyncio.sleep(3600)
