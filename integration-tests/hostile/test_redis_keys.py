"""Hostile records, and keys of a wrong type, in Redis; FLUSHALL under a running worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from taskiq_redis import RedisBroker
from taskiq_testservers.commands import StartWorker
from taskiq_testservers.hostile.formats import MESSAGE
from taskiq_testservers.hostile.mutations import Mutator
from taskiq_testservers.hostile.scale import Scale, count
from taskiq_testservers.hostile.worker_trial import WorkerTrial, send_good, until_settled
from taskiq_testservers.redis_poison import KINDS
from taskiq_testservers.redis_server import RedisServer

QUEUE = b"{taskiq}"
KEYS = ("messages", "ready", "priorities", "delayed", "leases", "deliveries", "extras")
KEYS += ("expiring", "unique", "aborted", "copies", "dead", "bell", "fence", "number")
EXTRAS = json.dumps({"priority": 3, "expires_after": 50.0, "unique_key": "key"}).encode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        yield server


def trial_of(server: RedisServer, folder: Path, scale: Scale) -> WorkerTrial:
    lines = f"""
        from taskiq_redis import RedisBroker
        broker = RedisBroker({server.url!r}, lease=5.0)
        """
    return WorkerTrial(folder, scale, lines)


def client_of(server: RedisServer) -> RedisBroker:
    return RedisBroker(server.url, lease=5.0)


class Planter:
    """Writes hostile records beside the broker."""

    def __init__(self, scale: Scale) -> None:
        self._rng = Random(f"{scale.seed} redis")
        self._mutator = Mutator(self._rng, largest=scale.largest)
        self._body = json.dumps(MESSAGE).encode()

    async def plant(self, redis: "Redis", scale: Scale) -> None:
        for number in range(scale.cases):
            # In lots of a few, as one may be large.
            async with redis.pipeline(transaction=False) as pipeline:
                self._add(pipeline, b"planted-%d" % number)
                await pipeline.execute()

    def _add(self, pipeline: "Pipeline", message_id: bytes) -> None:
        rng, record = self._rng, b"work\n" + self._body
        match rng.randrange(5):
            case 0 | 1:
                record = b"work\n" + self._mutator.of_document(MESSAGE)[1]
            case 2:
                record = self._mutator.of_bytes(record[:100])[1]
            case 3:
                text = self._mutator.of_bytes(b"12 3 1")[1]
                pipeline.hset(QUEUE + b":deliveries", message_id, text)
                pipeline.hset(QUEUE + b":messages", message_id, record)
                # Of a worker that is dead: what says so and has no lease is found by nobody.
                pipeline.zadd(QUEUE + b":leases", {message_id: 1.0})
                return
            case _:
                text = self._mutator.of_bytes(EXTRAS)[1]
                pipeline.hset(QUEUE + b":extras", message_id, text)
        if rng.random() < 0.05:
            message_id = self._mutator.of_bytes(message_id)[1]
        pipeline.hset(QUEUE + b":messages", message_id, record)
        if rng.random() < 0.1:
            pipeline.zadd(QUEUE + b":delayed", {message_id: rng.choice((1.0, float("-inf")))})
        elif rng.random() < 0.1:
            pipeline.zadd(QUEUE + b":leases", {message_id: 1.0})
        else:
            pipeline.rpush(QUEUE + b":ready", message_id)


@pytest.mark.timeout(800)
async def test_good_tasks_are_run_beside_hostile_records(
    server: RedisServer, tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    trial, client = trial_of(server, tmp_path, scale), client_of(server)
    async with client, Redis.from_url(server.url) as redis:
        first = await send_good(client, scale)
        for number, plant in enumerate(KINDS.values()):
            await plant(redis, b"kind-%d" % number)
        await Planter(scale).plant(redis, scale)
        await trial.start(start_worker)
        tasks = await send_good(client, scale)

        await trial.finish(first)
        await trial.finish(tasks)
        left = await until_settled(client, seconds=40 if not scale.is_full else 200)
        facts = await trial.check()
        dead = left.dead
        letters = await client.dead_letters(limit=100_000)

    assert dead > scale.cases * 0.3
    assert len(letters) >= dead, "an operator sees them"
    count("records in Redis", scale.cases + len(KINDS), buried=dead, **facts)


@pytest.mark.timeout(600)
async def test_keys_of_a_wrong_type_stop_nothing_for_good(
    server: RedisServer, tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    """While a key is wrong its messages wait; when it is mended they are run."""
    trial, client = trial_of(server, tmp_path, scale), client_of(server)
    async with client, Redis.from_url(server.url) as redis:
        await trial.start(start_worker)
        for key in KEYS:
            name = f"{{taskiq}}:{key}"
            await redis.delete(name)
            await redis.set(name, "hostile")  # "number" and "fence" hold no number
            if key in {"number", "fence", "bell"}:
                await redis.delete(name)
                await redis.zadd(name, {"hostile": 1})
            await asyncio.sleep(scale.seconds / 10)
            await redis.delete(name)

        await trial.finish(await send_good(client, scale))
        facts = await trial.check()

    count("Redis keys of a wrong type", len(KEYS), **facts)


@pytest.mark.timeout(600)
async def test_worker_goes_on_after_flushall(
    server: RedisServer, tmp_path: Path, start_worker: StartWorker, scale: Scale
) -> None:
    trial, client = trial_of(server, tmp_path, scale), client_of(server)
    rounds = 10 if scale.is_full else 3
    async with client, Redis.from_url(server.url) as redis:
        await trial.start(start_worker)
        for _ in range(rounds):
            await send_good(client, scale)
            await redis.flushall()
            await redis.script_flush()

        await trial.finish(await send_good(client, scale))
        facts = await trial.check()

    count("FLUSHALL under a running worker", rounds, **facts)
