"""Scripts that fail half-way for want of a right lose no message."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import pytest
from redis.asyncio import Redis

from taskiq_core.exceptions import TaskiqError
from taskiq_redis import RedisBroker
from taskiq_testservers.redis_messages import fetch, fetch_one, message
from taskiq_testservers.redis_server import RedisServer

LEASE: Final = 0.2
RIGHTS: Final = (
    *("del", "hdel", "hset", "incrby", "lpop", "lpush", "ltrim", "publish", "rpush", "set"),
    *("xadd", "xdel", "zadd", "zrem"),
)
"""The commands by which scripts change what is there."""
Prepare = Callable[[RedisBroker], Awaitable[Callable[[], Awaitable[object]]]]
"""Brings a message into a state, and makes the operation that is to fail half-way."""


def fetching(**labels: object) -> Prepare:
    async def prepare(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
        await broker.kick(message("one", **labels))
        await asyncio.sleep(0.02)  # it is due, or has expired
        return lambda: fetch(broker, lease=LEASE)

    return prepare


async def fetching_again(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one"))
    await (await fetch_one(broker)).release()
    return lambda: fetch(broker, lease=LEASE)


def releasing(delay: float = 0.0, **labels: object) -> Prepare:
    async def prepare(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
        await broker.kick(message("one", **labels))
        delivery = await fetch_one(broker, lease=LEASE)
        return lambda: delivery.release(delay)

    return prepare


async def burying(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one"))
    delivery = await fetch_one(broker, lease=LEASE)
    return lambda: delivery.bury("reason")


async def reclaiming(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one"))
    await fetch(broker, lease=0.01)
    await asyncio.sleep(0.02)
    return broker.reclaim


async def aborting(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one", delay=0.1))
    return lambda: broker.abort("one")


async def moving(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one", delay=0.1))
    return lambda: broker.move_to_now("one")


async def replaying(broker: RedisBroker) -> Callable[[], Awaitable[object]]:
    await broker.kick(message("one"))
    await (await fetch_one(broker)).bury("reason")
    return broker.replay_dead_letters


OPERATIONS: Final[Mapping[str, Prepare]] = {
    "fetch": fetching(),
    "fetch by priority": fetching(priority=1),
    "fetch what is due": fetching(delay=0.01),
    "fetch what has expired": fetching(expires=0.01),
    "fetch again": fetching_again,
    "release": releasing(),
    "release by priority": releasing(priority=1),
    "release with a delay": releasing(0.1),
    "bury": burying,
    "reclaim": reclaiming,
    "abort": aborting,
    "move to now": moving,
    "replay": replaying,
}


REPEATED: Final[Mapping[str, int]] = {"replay": 1}
"""How often to try; an operator who repeats a replay that failed half-way has two messages."""


async def found(broker: RedisBroker) -> tuple[list[str], int]:
    """The ids of what is delivered now or is dead, and how often it counts as lost."""
    await broker.reclaim()
    deliveries = [*(await fetch(broker)).deliveries, *(await fetch(broker)).deliveries]
    ids = [each.token.message_id.decode() for each in deliveries]
    lost = max((each.unsettled for each in deliveries), default=0)
    return ids or [letter.task_id for letter in await broker.dead_letters()], lost


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_message_is_found_again(server: RedisServer, operation: str) -> None:
    url = server.url.replace("//", "//app:secret@")
    brokers = {right: RedisBroker(url, queue_name=right) for right in RIGHTS}
    failed = 0
    async with Redis.from_url(server.url) as redis:
        user = ("ACL", "SETUSER", "app")
        await redis.execute_command(*user, "on", ">secret", "~*", "&*", "+@all")
        for right, broker in brokers.items():
            operate = await OPERATIONS[operation](broker)
            await redis.execute_command(*user, f"-{right}")
            for _ in range(REPEATED.get(operation, 3)):  # as a worker that goes on for a while
                try:
                    await operate()
                except TaskiqError:
                    failed += 1
            await redis.execute_command(*user, f"+{right}")
    await asyncio.sleep(LEASE)

    ends = {right: await found(broker) for right, broker in brokers.items()}

    assert failed, "no right was missed"
    assert [right for right, (ids, _) in ends.items() if ids != ["one"]] == []
    assert max(lost for _, lost in ends.values()) <= 1, "a neighbour would be buried for it"
    for broker in brokers.values():
        await broker.shutdown()
