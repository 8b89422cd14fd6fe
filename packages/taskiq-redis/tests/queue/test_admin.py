"""Operators' calls: counts, pauses, delayed messages, dead letters in chunks."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.slots import Slots
from taskiq_redis import RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_testservers.redis_messages import fetch, message
from taskiq_testservers.redis_server import PATIENCE, RedisServer


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


# --- pausing --------------------------------------------------------------------------------------


async def test_paused_queue_hands_out_nothing_until_it_is_resumed(
    server: RedisServer, broker: RedisBroker
) -> None:
    worker = RedisBroker(server.url, poll_interval=60)
    deliveries = worker.deliveries(Slots(4))
    await broker.kick(message("before"))
    await broker.pause()
    await broker.pause()
    await broker.kick_many([message("meanwhile"), message("late", expires=0.001)])
    coming = asyncio.ensure_future(anext(deliveries))
    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
    paused = await broker.stats()
    expired = await worker.expire_queued()

    await broker.resume()

    async with asyncio.timeout(PATIENCE):
        first = await coming
    assert (paused.is_paused, paused.waiting, paused.delivered) == (True, 3, 0)
    assert expired == []
    assert first.expired or first.task_id == "before"
    assert not (await broker.stats()).is_paused
    await deliveries.aclose()
    await worker.shutdown()


async def test_pause_is_of_one_queue_and_survives_a_restart(
    server: RedisServer, broker: RedisBroker
) -> None:
    await broker.kick_many([message("default"), message("mail", queue_name="mails")])
    await broker.pause(queue="mails")

    await server.restart()

    selection = QueueSelection.parse("mails,taskiq", is_strict=True)
    again = RedisBroker(server.url)
    found = (await Fetcher(again.queue, lease=60, selection=selection).fetch(10)).deliveries
    assert [each.task_id for each in found] == ["default"]
    assert await again.is_paused(queue="mails")
    assert not await again.is_paused()
    await again.resume(queue="mails")
    found = (await Fetcher(again.queue, lease=60, selection=selection).fetch(10)).deliveries
    assert [each.task_id for each in found] == ["mail"]
    await again.shutdown()


async def test_deliveries_of_a_paused_queue_are_settled(broker: RedisBroker) -> None:
    await broker.kick_many([message("one"), message("two")])
    one, two = (await fetch(broker)).deliveries

    await broker.pause()

    await one.ack()
    await two.release()
    assert (await broker.stats()).waiting == 1
    assert not (await fetch(broker)).deliveries


# --- delayed messages -----------------------------------------------------------------------------


async def test_delayed_message_is_moved_to_now(server: RedisServer, broker: RedisBroker) -> None:
    await broker.kick(message("waiting"))
    await broker.kick_many([message("later", delay=600), message("other", delay=600)])
    await server.say("DEL", "{taskiq}:bell")

    assert await broker.move_to_now("later")
    assert not await broker.move_to_now("later")
    assert not await broker.move_to_now("unknown")

    assert await server.say("LLEN", "{taskiq}:bell") == "1\n"
    found = (await fetch(broker)).deliveries
    assert [each.task_id for each in found] == ["later", "waiting"]
    assert (await broker.stats()).delayed == 1


# --- the oldest message ---------------------------------------------------------------------------


async def test_age_of_the_oldest_message(broker: RedisBroker) -> None:
    assert (await broker.stats()).oldest_age is None
    await broker.kick(message("first"))
    await asyncio.sleep(1.1)
    await broker.kick_many([message(str(number)) for number in range(3)])

    ages = [(await broker.stats()).oldest_age]
    (first,) = (await fetch(broker, 1)).deliveries
    ages.append((await broker.stats()).oldest_age)
    await first.ack()
    await asyncio.gather(*(each.ack() for each in (await fetch(broker)).deliveries))
    ages.append((await broker.stats()).oldest_age)

    assert ages[0] is not None
    assert 1.0 < ages[0] < PATIENCE
    assert ages[1] is not None
    assert ages[1] < ages[0] - 1.0, "the first one is with a worker"
    assert ages[2] is None


async def test_times_of_a_second_are_noted_once(server: RedisServer, broker: RedisBroker) -> None:
    """By all clients together, and the notes of messages that are gone are dropped."""
    clients = [RedisBroker(server.url) for _ in range(5)]
    for number, client in enumerate(clients):
        await client.kick(message(str(number)))
        await client.shutdown()

    assert await server.say("LLEN", "{taskiq}:sent") == "1\n"

    for number in range(3):
        await asyncio.gather(*(each.ack() for each in (await fetch(broker)).deliveries))
        await asyncio.sleep(1.05)
        await broker.kick(message(f"another-{number}"))
    assert int(await server.say("LLEN", "{taskiq}:sent")) <= 2
