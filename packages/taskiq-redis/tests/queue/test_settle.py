"""Settling: what a delivery's error quotes, and where its message is afterwards."""

from collections.abc import AsyncIterator

import pytest

from taskiq_redis import RedisBroker
from taskiq_testservers.redis_messages import fetch, fetch_one, message
from taskiq_testservers.redis_server import RedisServer


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


async def test_error_that_is_not_text_is_buried_all_the_same(broker: RedisBroker) -> None:
    """It quotes the name of a file, which may be any bytes."""
    await broker.kick(message("one"))
    delivery = await fetch_one(broker)

    await delivery.bury("failed", "cannot read report-\udcff.csv")

    (letter,) = await broker.dead_letters()
    assert letter.error == r"cannot read report-\udcff.csv"


async def test_message_that_is_released_with_a_delay_does_not_wait(broker: RedisBroker) -> None:
    """Also if its id is in the list of waiting messages a second time."""
    await broker.kick(message("one", expires=60))
    delivery = await fetch_one(broker)
    await broker.queue.store.connection.call("RPUSH", "{taskiq}:ready", "one")

    await delivery.release(60)

    assert not (await fetch(broker)).deliveries
    assert (await broker.stats()).waiting == 0


async def test_failures_are_kept_and_other_releases_are_none(broker: RedisBroker) -> None:
    await broker.kick(message("one"))
    seen = []

    for is_failure in (False, True, False, True):
        delivery = await fetch_one(broker)
        seen.append((delivery.attempt, delivery.failures))
        if is_failure:
            delivery.failures = (delivery.failures or 0) + 1
        await delivery.release()

    last = await fetch_one(broker)
    await broker.queue.give_back([last])
    again = await fetch_one(broker)
    assert seen == [(1, 0), (2, 0), (3, 1), (4, 1)]
    assert (last.attempt, last.failures) == (again.attempt, again.failures) == (5, 2)


async def test_failures_are_kept_when_a_lease_runs_out(broker: RedisBroker) -> None:
    await broker.kick(message("one"))
    delivery = await fetch_one(broker)
    delivery.failures = 1
    await delivery.release()
    await fetch_one(broker, lease=0)

    assert await broker.reclaim() == 1

    again = await fetch_one(broker)
    assert (again.attempt, again.unsettled, again.failures) == (3, 1, 1)
