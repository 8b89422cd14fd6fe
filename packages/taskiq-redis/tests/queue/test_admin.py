"""Operators' calls: dead letters in pages, however many there are."""

from collections.abc import AsyncIterator

import pytest

from taskiq_redis import RedisBroker
from taskiq_testservers.redis_messages import fetch, message
from taskiq_testservers.redis_server import RedisServer


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


async def test_many_letters_are_replayed_and_purged_in_chunks(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number)) for number in range(250)])
    for each in (await fetch(broker, 250)).deliveries:
        await each.bury("test")

    replayed = await broker.replay_dead_letters()
    for each in (await fetch(broker, 250)).deliveries:
        await each.bury("test")

    assert replayed == 250
    assert await broker.purge_dead_letters() == 250
    assert await broker.purge_dead_letters() == 0
