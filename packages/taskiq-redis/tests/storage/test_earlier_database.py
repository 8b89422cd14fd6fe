"""A database that an earlier version wrote is read: nothing that waits there is lost.

`database_2026_11_21.json` has the keys of a queue with one message of each kind, of results and of
schedules, as workers and clients of that day left them.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from taskiq_core.exceptions import DuplicateKeyError
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.receiver import Receiver
from taskiq_redis import ListRedisScheduleSource, RedisBroker
from taskiq_testservers.redis_server import PATIENCE, RedisServer

DATABASE = Path(__file__).with_name("database_2026_11_21.json")
TICK = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    """Of the queue in that database."""
    async with Redis.from_url(server.url) as redis:
        for key, content in json.loads(DATABASE.read_text()).items():
            await restore(redis, key, content["type"], content["value"])
    broker = RedisBroker(server.url, lease=1.0)
    broker.register_task(add, "add")
    yield broker
    await broker.shutdown()


async def restore(redis: Redis, key: str, kind: str, value: Any) -> None:
    match kind:
        case "string":
            await redis.set(key, value)
        case "hash":
            await redis.hset(key, mapping=value)
        case "list":
            await redis.rpush(key, *value)
        case "set":
            await redis.sadd(key, *value)
        case "zset":
            await redis.zadd(key, value)
        case "stream":
            for entry_id, fields in value:
                await redis.xadd(key, fields, id=entry_id)


runs: list[tuple[int, int]] = []


async def add(first: int, second: int) -> int:
    runs.append((first, second))
    return first + second


async def run_until(broker: RedisBroker, count: int) -> dict[str, TaskiqResult[Any]]:
    """Run a worker until that many messages are left; the results of all that ran."""
    finish = asyncio.Event()
    broker.is_worker_process = True
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=5).listen(finish))
    async with asyncio.timeout(PATIENCE):
        while await left(broker) != count:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.02)
    finish.set()
    await listening
    ready = broker.result_backend.is_result_ready
    ids = ("waiting-0", "waiting-1", "waiting-2", "priority", "low", "delayed", "lost", "unique")
    ids += ("in-time", "expired", "aborted", "dead", "delayed-far")
    return {each: await broker.result_backend.get_result(each) for each in ids if await ready(each)}


async def left(broker: RedisBroker) -> int:
    stats = await broker.stats()
    return (stats.waiting or 0) + (stats.delivered or 0) + (stats.delayed or 0)


async def test_messages_of_every_kind_are_run(broker: RedisBroker) -> None:
    before = await broker.stats()
    runs.clear()

    results = await run_until(broker, 1)

    assert (before.delivered, before.delayed, before.dead) == (1, 1, 1)
    values = {name: result.return_value for name, result in results.items() if not result.is_err}
    assert values == {
        "waiting-0": 100,
        "waiting-1": 101,
        "waiting-2": 102,
        "priority": 31,
        "low": 32,
        "delayed": 41,
        "lost": 11,
        "unique": 51,
        "in-time": 62,
    }
    assert runs.count((1, 100)) == 2, "both messages of one task id"
    errors = {name: type(result.error).__name__ for name, result in results.items() if result.error}
    assert errors == {"expired": "TaskExpiredError", "aborted": "TaskAbortedError"}
    assert runs[0] == (30, 1), "the one with the highest priority is first"


async def test_unique_key_is_held_until_its_message_has_run(broker: RedisBroker) -> None:
    task = broker.find_task("add")
    assert task is not None
    again = task.kicker().with_labels(unique_key="only")

    with pytest.raises(DuplicateKeyError, match="task unique has the unique key 'only'"):
        await again.kiq(1, 1)

    await run_until(broker, 1)
    assert await again.kiq(1, 1)


async def test_dead_letter_is_listed_and_replayed(broker: RedisBroker) -> None:
    (letter,) = await broker.dead_letters()

    replayed = await broker.replay_dead_letters([letter.letter_id])

    assert (letter.task_id, letter.task_name) == ("dead", "add")
    assert (letter.reason, letter.error, letter.attempt) == ("gave up", "ValueError: no", 1)
    assert replayed == 1
    assert (await run_until(broker, 1))["dead"].return_value == 21


async def test_results_are_read(broker: RedisBroker) -> None:
    done = await broker.result_backend.get_result("done")
    failed = await broker.result_backend.get_result("failed")

    assert done.return_value == 3
    assert isinstance(failed.error, ValueError)


async def test_schedules_and_their_ticks_are_known(
    server: RedisServer, broker: RedisBroker
) -> None:
    source = ListRedisScheduleSource(server.url)

    schedules = {each.schedule_id: each for each in await source.get_schedules()}

    assert schedules.keys() == {"cron", "once"}
    assert schedules["cron"].cron == "* * * * *"
    assert schedules["once"].args == [2, 2]
    assert await source.last_tick("cron") == TICK
    assert not await source.claim("cron", TICK)
    await source.shutdown()
