"""Claims of ticks beside the queues: apart from those of schedules, and forgotten in the end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from taskiq_redis import ListRedisScheduleSource, RedisBroker
from taskiq_redis.claims import RedisTickClaims
from taskiq_testservers.redis_server import RedisServer

TICK = datetime(2020, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MEMORY = 0.05
YEAR = 365 * 86_400_000
"""In milliseconds."""


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


def forgetful(broker: RedisBroker, *, lease: float = 60.0) -> RedisTickClaims:
    """Claims that are forgotten at once."""
    return RedisTickClaims(lambda: broker.queue.store, lease=lease, memory=MEMORY)


async def test_are_apart_from_those_of_schedules(server: RedisServer, broker: RedisBroker) -> None:
    """Also where schedules have the prefix of the queue."""
    source = ListRedisScheduleSource(server.url, broker.queue_name)
    claims = broker.tick_claims()

    assert await claims.claim("id", TICK)
    assert await source.claim("id", TICK)
    await claims.confirm("id", TICK)

    assert await claims.last_ticks(["id"]) == {"id": TICK}
    assert await source.last_ticks(["id"]) == {}
    await source.shutdown()


async def test_a_tick_that_was_forgotten_is_not_sent_again(broker: RedisBroker) -> None:
    """No tick of the past that is not later than the last one."""
    claims = forgetful(broker)
    await claims.confirm("id", TICK)
    await asyncio.sleep(2 * MEMORY)
    await claims.confirm("another id", TICK)

    assert not await claims.claim("id", TICK)
    assert not await claims.claim("id", TICK - MINUTE)
    assert await claims.claim("id", TICK + MINUTE)


async def test_single_ticks_are_forgotten(server: RedisServer, broker: RedisBroker) -> None:
    """Confirmed ones, and claims that ran out and were never taken over."""
    claims = forgetful(broker, lease=MEMORY)
    assert await claims.claim("abandoned", TICK)
    await claims.confirm("confirmed", TICK)
    await asyncio.sleep(3 * MEMORY)

    await claims.confirm("another id", TICK)

    assert await claims.abandoned() == []
    assert (await server.say("ZCARD", "{taskiq}:tick_done")).strip() == "1"
    assert set(await claims.last_ticks(["abandoned", "confirmed"])) == {"confirmed"}


async def test_last_ticks_are_forgotten_after_a_year(
    server: RedisServer, broker: RedisBroker
) -> None:
    claims = broker.tick_claims()
    for schedule_id in ("old", "recent"):
        await claims.confirm(schedule_id, TICK)
    for schedule_id, age in (("old", 2 * YEAR), ("recent", YEAR)):
        await server.say("ZINCRBY", "{taskiq}:tick_last_times", f"-{age}", schedule_id)

    await claims.confirm("another id", TICK)

    assert await claims.last_ticks(["old", "recent"]) == {"recent": TICK}
    assert not (await server.say("HGET", "{taskiq}:tick_last", "old")).strip()


@pytest.mark.parametrize("wrong", ["text", "nan", "", "1e300"])
async def test_an_unreadable_last_tick_is_replaced(
    server: RedisServer, broker: RedisBroker, wrong: str
) -> None:
    claims = broker.tick_claims()
    await server.say("HSET", "{taskiq}:tick_last", "id", wrong)
    assert await claims.last_ticks(["id"]) == {}
    assert await claims.claim("id", TICK)

    await claims.confirm("id", TICK)

    assert await claims.last_ticks(["id"]) == {"id": TICK}


async def test_an_unreadable_claim_is_left_out(server: RedisServer, broker: RedisBroker) -> None:
    await server.say("ZADD", "{taskiq}:tick_claims", "1", "nonsense")

    assert await broker.tick_claims().abandoned() == []


async def test_a_tick_without_zone_is_refused(broker: RedisBroker) -> None:
    with pytest.raises(ValueError, match="of schedule 'id' has no time zone, give it one: UTC"):
        await broker.tick_claims().claim("id", TICK.replace(tzinfo=None))


def test_a_lease_is_above_0() -> None:
    with pytest.raises(ValueError, match="RedisBroker: lease must be above 0, not 0"):
        RedisBroker().tick_claims(lease=0)
