"""A server that answers nonsense, in the place of Redis: the worker lives, and goes on after it."""

import asyncio
import contextlib
from pathlib import Path
from random import Random

import pytest

from taskiq_core.exceptions import TaskiqError
from taskiq_redis import RedisBroker
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.hostile.nonsense_server import NonsenseServer
from taskiq_testservers.hostile.processes import share_of_a_core
from taskiq_testservers.hostile.scale import Scale, count
from taskiq_testservers.hostile.worker_trial import WorkerTrial, send_good
from taskiq_testservers.redis_server import RedisServer


async def kick_into(url: str, times: int) -> None:
    """Send tasks to a server that answers nonsense: refused, or taken for stored."""
    at_once = asyncio.Semaphore(50)

    async def kick() -> None:
        async with at_once, asyncio.timeout(100):
            client = RedisBroker(f"{url}?socket_connect_timeout=0.5", socket_timeout=0.2)
            with contextlib.suppress(TaskiqError):  # nothing else
                await client.register_task(_good, "good").kiq()
            await client.shutdown()

    await asyncio.gather(*(kick() for _ in range(times)))


async def _good() -> None: ...


@pytest.mark.timeout(600)
async def test_worker_survives_nonsense_and_works_when_the_server_is_back(
    tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    server = RedisServer(tmp_path / "redis", "--appendonly", "no")
    lines = f"""
        from taskiq_redis import RedisBroker
        broker = RedisBroker({server.url!r}, lease=5.0, socket_timeout=1.0, poll_interval=0.2)
        """
    trial = WorkerTrial(tmp_path, scale, lines)
    async with server:
        await trial.start(start_worker)
        [worker] = trial.workers()
        server.kill()
        async with NonsenseServer(server.port, Random(scale.seed)) as nonsense:
            share = await share_of_a_core(worker, scale.seconds)
            await kick_into(server.url, scale.cases // 20)
        await server.start()

        async with RedisBroker(server.url, lease=5.0) as client:
            await trial.finish(await send_good(client, scale))
            facts = await trial.check()

    assert nonsense.answers > scale.cases // 40
    assert share < 0.8, f"it spins: {share}"
    assert facts["log"] < 200_000
    count("answers of a server that is not Redis", nonsense.answers, **facts)
