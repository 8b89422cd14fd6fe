"""What is broken in the server harms what is broken, and nothing else: every key, fuzzed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.receiver import Receiver
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisBroker
from taskiq_testservers.redis_poison import QUEUE, planters
from taskiq_testservers.redis_server import PATIENCE, RedisServer
from taskiq_testservers.worker_main import listening

LEASE = 1.0


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as redis:
        yield redis


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, lease=LEASE, poll_interval=LEASE)
    broker.register_task(_double, "double")
    yield broker
    await broker.shutdown()


async def test_two_hundred_unreadable_messages_delay_no_other(
    server: RedisServer, broker: RedisBroker
) -> None:
    plant = planters(server.url)["name_is_no_text"]
    for _ in range(200):
        await plant()
    task = await task_of(broker).kiq(4)

    async with working(server):
        result = await task.wait_result(timeout=PATIENCE)

    assert result.return_value == 8


async def test_caller_of_a_record_that_can_not_be_read_is_told(
    server: RedisServer, redis: Redis, broker: RedisBroker
) -> None:
    task = await task_of(broker).kiq(1)
    await redis.hset(QUEUE + b":messages", task.task_id, b"\xff\n{}")

    async with working(server):
        result = await task.wait_result(timeout=PATIENCE)

    assert isinstance(result.error, UnreadableMessageError)
    assert "the name of its task is not UTF-8" in str(result.error)
    (letter,) = await letters(broker, 1)
    assert (letter.task_id, letter.task_name) == (task.task_id, "\\xff")
    assert letter.message == b"{}"
    assert letter.reason == "unreadable: the name of its task is not UTF-8"


@pytest.mark.parametrize("counter", ["fence", "number"])
@pytest.mark.parametrize("text", ["garbage", "-5", "9223372036854775807", "1e3", ""])
async def test_counter_that_can_not_be_read_begins_again(
    server: RedisServer, redis: Redis, broker: RedisBroker, counter: str, text: str
) -> None:
    await redis.set(f"{{taskiq}}:{counter}", text)
    tasks = [await task_of(broker).kicker().with_labels(priority=n).kiq(n) for n in range(3)]

    async with working(server):
        results = [await task.wait_result(timeout=PATIENCE) for task in tasks]

    assert [result.return_value for result in results] == [0, 2, 4]


async def test_members_without_a_message_are_left_out(
    server: RedisServer, redis: Redis, broker: RedisBroker
) -> None:
    """Of every set and list; and a unique key of a message that is gone is free."""
    for key in ("delayed", "leases", "expiring", "priorities"):
        await redis.zadd(f"{{taskiq}}:{key}", {b"\xff": 0.0, "": 1.0, b"x" * 20: float("inf")})
    await redis.rpush("{taskiq}:ready", b"\xff", "", "gone")
    await redis.rpush("{taskiq}:bell", b"\xff", "")
    await redis.hset("{taskiq}:unique", "key", b"\xff gone")
    await redis.hset("{taskiq}:aborted", b"\xff", "?")
    await redis.hset("{taskiq}:deliveries", b"\xff", "1 1 1")
    await redis.sadd("{taskiq}:copies", b"\xff\n", b"")
    task = await task_of(broker).kicker().with_labels(unique_key="key").kiq(1)
    await broker.reclaim()

    async with working(server):
        result = await task.wait_result(timeout=PATIENCE)

    assert result.return_value == 2
    assert await redis.llen("{taskiq}:ready") == 0
    assert await redis.zcard("{taskiq}:priorities") == 0


async def test_aborts_are_heard_among_marks_that_can_not_be_read(
    server: RedisServer, redis: Redis, broker: RedisBroker
) -> None:
    await redis.hset("{taskiq}:aborted", b"\xff", "1")
    await redis.hset("{taskiq}:deliveries", b"\xff", "1 1 0")
    marks = broker.aborts()

    assert await anext(marks) == "\\xff"
    await redis.publish("{taskiq}:aborts", b"\xfe")
    await redis.publish("{taskiq}:aborts", b"good")
    assert [await anext(marks), await anext(marks)] == ["\\xfe", "good"]
    await marks.aclose()


LETTERS: list[dict[bytes, bytes]] = [
    {b"": b""},
    {b"id": b"\xff", b"message": b"\xff", b"attempt": b"\xff", b"reason": b"\xff"},
    {b"id": b"a", b"message": b"no line feed", b"attempt": b"1", b"reason": b"r"},
    {b"id": b"a", b"message": b"t\nb", b"attempt": b"9" * 5_000, b"reason": b"r", b"extras": b"["},
    {b"id": b"a", b"reason": b"without a message"},
    {b"message": b"t\nb", b"attempt": b"1"},
]


async def test_dead_letters_that_can_not_be_read(
    server: RedisServer, redis: Redis, broker: RedisBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """They are listed, stay when others are replayed, and are purged."""
    keys = [(await redis.xadd("{taskiq}:dead", fields)).decode() for fields in LETTERS]
    task = await task_of(broker).kiq(5)
    body = await redis.hget("{taskiq}:messages", task.task_id)
    await redis.delete("{taskiq}:messages", "{taskiq}:ready")
    good = {b"id": task.task_id.encode(), b"message": body, b"attempt": b"1", b"reason": b"r"}
    await redis.xadd("{taskiq}:dead", good)
    far = "9999999999999999999-1"
    await redis.xadd("{taskiq}:dead", {b"reason": b"r"}, id=far)

    listed = [letter.letter_id for letter in await broker.dead_letters()]
    replayed = await broker.replay_dead_letters()
    async with working(server):
        result = await task.wait_result(timeout=PATIENCE)
    left = await broker.dead_letters()
    purged = await broker.purge_dead_letters([keys[0], far, "99999999999999999999-0"])
    rest = await broker.purge_dead_letters()

    assert [each for each in listed if each in keys] == keys
    assert replayed == 1
    assert result.return_value == 10
    assert [letter.letter_id for letter in left] == [*keys, far]
    assert {letter.reason[:10] for letter in left if letter.letter_id in (keys[0], keys[4])} == {
        "unreadable"
    }
    assert b"without a message" in left[4].message
    assert f"that can't be read are not replayed: {keys[0]}" in caplog.text
    assert (purged, rest) == (2, len(keys) - 1)


@pytest.mark.parametrize("found", [b"garbage", b"\xff\n", b"9" * 300 + b"\n{}", None])
async def test_result_takes_the_place_of_what_is_none(
    server: RedisServer, redis: Redis, broker: RedisBroker, found: bytes | None
) -> None:
    """Also of a key of another type; others of the same call are stored as well."""
    backend = broker.result_backend
    assert isinstance(backend, RedisAsyncResultBackend)
    key = f"{backend.prefix}broken"
    await (redis.sadd(key, "x") if found is None else redis.set(key, found))
    result = TaskiqResult(is_err=False, return_value=3, execution_time=0.1, labels={FENCE: 7})

    await asyncio.gather(*(backend.set_result(each, result) for each in ("broken", "whole")))

    for task_id in ("broken", "whole"):
        assert (await backend.get_result(task_id)).return_value == 3


async def test_schedules_that_can_not_be_read_are_left_out(
    server: RedisServer, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListRedisScheduleSource(server.url)
    tick = datetime.now(UTC).replace(microsecond=0)
    good = ScheduledTask(
        task_name="t", labels={}, args=[], kwargs={}, schedule_id="good", cron="* * * * *"
    )
    await source.add_schedule(good)
    for key in ("repeated", "once"):
        await redis.hset(f"{{schedule}}:{key}", b"\xff", b"\xff")
    await redis.zadd("{schedule}:due", {b"\xff": 1.0, b"gone": float("-inf")})
    await redis.zadd("{schedule}:claims", {b"\xff\nsoon": 1.0, b"": 1.0, b"good\n1000000": 1.0})
    await redis.hset("{schedule}:last_ticks", "good", "garbage")

    listed = [
        [each.schedule_id for each in found]
        for found in (await source.get_schedules(), await source.get_schedules_until(tick))
    ]
    before = await source.last_ticks(["good"])
    abandoned = await source.abandoned()
    claimed = await source.claim("good", tick - timedelta(days=30))
    await source.confirm("good", tick)

    assert listed == [["good"], ["good"]]
    assert before == {}
    assert abandoned == [("good", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))]
    assert claimed
    assert await source.last_tick("good") == tick
    assert "can't be read and is left out" in caplog.text
    await source.shutdown()


# --- parts ----------------------------------------------------------------------------------------


async def _double(number: int) -> int:
    return 2 * number


def task_of(broker: RedisBroker) -> Any:
    return broker.find_task("double")


@asynccontextmanager
async def working(server: RedisServer) -> AsyncIterator[None]:
    """A worker, until the block ends."""
    worker = RedisBroker(server.url, lease=LEASE, poll_interval=LEASE)
    worker.is_worker_process = True
    worker.register_task(_double, "double")
    try:
        async with listening(Receiver(worker, max_async_tasks=5)):
            yield
    finally:
        await worker.shutdown()


async def letters(broker: RedisBroker, count: int) -> list[DeadLetter]:
    """The dead letters, when there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(found := await broker.dead_letters()) < count:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.02)
    return found
