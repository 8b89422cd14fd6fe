"""Fetching: expired messages are delivered to be refused, and wakeups reach a worker that waits."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.slots import Slots
from taskiq_core.receiver import Receiver
from taskiq_redis import RedisAsyncResultBackend, RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_testservers.redis_messages import fetch, fetch_one, message
from taskiq_testservers.redis_server import PATIENCE, RedisServer

LEASE = 0.4


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, lease=LEASE)
    yield broker
    await broker.shutdown()


async def send_expired(broker: RedisBroker, count: int) -> None:
    await broker.kick_many([message(f"late {n}", expires=0.001) for n in range(count)])
    await asyncio.sleep(0.01)


# --- two scripts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [12, 30, 40])
async def test_plain_messages_are_leased_alike_by_both_scripts(
    server: RedisServer, limit: int
) -> None:
    """What the script for plain messages stores and returns is what the one for all does."""
    seen: list[object] = []
    for name, plain_from in (("plain", 0.0), ("all", math.inf)):
        broker = RedisBroker(server.url, queue_name=name)
        await broker.kick_many([message(f"{number}") for number in range(30)])
        fetcher = Fetcher(broker.queue, lease=100, owner="worker")
        fetcher._plain_from = plain_from
        fetched = await fetcher.fetch(limit)
        call = broker.queue.store.connection.call
        kept = [
            await call("LRANGE", f"{{{name}}}:ready", 0, -1),
            await call("HGETALL", f"{{{name}}}:deliveries"),
            await call("HGETALL", f"{{{name}}}:owners"),
            await call("ZRANGE", f"{{{name}}}:leases", 0, -1),
            await call("LLEN", f"{{{name}}}:bell"),
            await call("GET", f"{{{name}}}:fence"),
        ]
        leased = [(*each.token, each.attempt, each.data) for each in fetched.deliveries]
        seen.append((kept, leased, fetched.wait))
        await broker.shutdown()

    assert seen[0] == seen[1]


async def test_message_with_labels_is_seen_by_who_fetched_plain_ones(broker: RedisBroker) -> None:
    """The script for plain messages leaves it, and those beside it, to the other one."""
    fetcher = Fetcher(broker.queue, lease=60)
    await broker.kick(message("plain"))
    (first,) = (await fetcher.fetch(10)).deliveries
    await broker.kick_many([message("low"), message("high", priority=5)])

    found = (await fetcher.fetch(10)).deliveries

    assert [first.task_id, *(each.task_id for each in found)] == ["plain", "high", "low"]


async def test_paused_queue_hands_out_nothing_to_who_fetched_plain_messages(
    broker: RedisBroker,
) -> None:
    fetcher = Fetcher(broker.queue, lease=60)
    await broker.kick(message("before"))
    assert len((await fetcher.fetch(10)).deliveries) == 1

    await broker.pause()
    await broker.kick(message("meanwhile"))

    assert (await fetcher.fetch(10)).deliveries == []


# --- expired messages -----------------------------------------------------------------------------


async def test_expired_message_is_delivered_as_expired_without_an_attempt(
    broker: RedisBroker,
) -> None:
    await send_expired(broker, 1)

    delivery = await fetch_one(broker)

    assert delivery.expired
    assert (delivery.task_id, delivery.data) == ("late 0", b"body")
    assert (delivery.attempt, delivery.unsettled) == (0, 0)
    await delivery.bury("expired")
    (letter,) = await broker.dead_letters()
    assert (letter.reason, letter.attempt) == ("expired", 0)


async def test_however_many_have_expired_none_of_them_is_run(broker: RedisBroker) -> None:
    await send_expired(broker, 500)

    seen: set[str | None] = set()
    async with asyncio.timeout(PATIENCE):
        while len(seen) < 500:
            found = (await fetch(broker, 100)).deliveries
            assert all(each.expired for each in found)
            seen |= {each.task_id for each in found}


async def test_expired_messages_take_half_of_the_slots_while_others_wait(
    broker: RedisBroker,
) -> None:
    await send_expired(broker, 50)
    await broker.kick_many([message(f"good {n}") for n in range(50)])

    found = (await fetch(broker, 10)).deliveries

    assert [each.expired for each in found] == [True] * 5 + [False] * 5


async def test_expired_messages_are_taken_although_no_slot_is_free(broker: RedisBroker) -> None:
    await broker.kick(message("good"))
    await send_expired(broker, 120)

    first = await broker.expire_queued()
    second = await broker.expire_queued()
    third = await broker.expire_queued()

    assert all(each.expired for each in (*first, *second))
    assert (len(first), len(second), len(third)) == (100, 20, 0)
    assert (await broker.stats()).waiting == 1


async def test_expired_message_that_was_not_buried_is_not_run(broker: RedisBroker) -> None:
    """As when its result could not be stored: the lease runs out."""
    await send_expired(broker, 1)
    assert (await fetch_one(broker, lease=LEASE)).expired
    await asyncio.sleep(1.5 * LEASE)
    await broker.reclaim()

    again = await fetch_one(broker)

    assert again.expired


async def test_expired_delivery_that_is_given_back_counts_no_attempt(broker: RedisBroker) -> None:
    await send_expired(broker, 2)
    deliveries = broker.deliveries(Slots(4))
    first = await anext(deliveries)

    await deliveries.aclose()

    again = await fetch_one(broker)
    assert first.expired
    assert again.expired
    assert (again.attempt, again.unsettled) == (0, 0)
    assert again.task_id != first.task_id


async def test_retry_that_comes_too_late_is_expired(broker: RedisBroker) -> None:
    await broker.kick(message("retried", expires=LEASE))
    delivery = await fetch_one(broker)
    await delivery.release(1.2 * LEASE)
    await asyncio.sleep(1.5 * LEASE)

    again = await fetch_one(broker)

    assert again.expired
    assert again.task_id == "retried"


async def test_expired_messages_are_refused_while_all_slots_are_taken(server: RedisServer) -> None:
    broker = RedisBroker(server.url, lease=LEASE)
    may_end = asyncio.Event()
    started = asyncio.Event()

    @broker.task(task_name="task")
    async def hang() -> None:
        started.set()
        await may_end.wait()

    await hang.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=1).listen(finish))
    await started.wait()

    late = await hang.kicker().with_labels(expires=0.001).kiq()

    result = await late.wait_result(timeout=PATIENCE)
    assert "TaskExpiredError" in repr(result.error)
    may_end.set()
    finish.set()
    await listening
    await broker.shutdown()


async def test_worker_whose_results_can_not_be_stored_takes_few_expired_messages(
    server: RedisServer,
) -> None:
    """A result store that does not answer must not pile them up in the worker."""

    class Stopped(RedisAsyncResultBackend[Any]):
        calls = 0
        may_go_on = asyncio.Event()

        async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
            Stopped.calls += 1
            await Stopped.may_go_on.wait()
            await super().set_result(task_id, result)

    broker = RedisBroker(server.url, result_backend=Stopped(server.url), poll_interval=0.05)
    broker.register_task(_noop, "task")
    task = broker.find_task("task")
    assert task is not None
    await asyncio.gather(*(task.kicker().with_labels(expires=0.001).kiq() for _ in range(500)))
    await asyncio.sleep(0.01)
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=4).listen(finish))
    async with asyncio.timeout(PATIENCE):
        while Stopped.calls < 4:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    delivered = (await broker.stats()).delivered

    assert delivered is not None
    assert delivered <= 4 + 100

    Stopped.may_go_on.set()
    async with asyncio.timeout(PATIENCE):
        while (await broker.stats()).dead != 500:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    finish.set()
    await listening
    await broker.shutdown()


async def _noop() -> None: ...


# --- order and wakeups ----------------------------------------------------------------------------


async def test_deliveries_that_are_given_back_keep_their_places(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number)) for number in range(6)])
    deliveries = broker.deliveries(Slots(8))
    taken: list[Delivery] = [await anext(deliveries)]

    await deliveries.aclose()

    again = (await fetch(broker)).deliveries
    assert [each.task_id for each in (*taken, *again)] == list("012345")
    assert {each.attempt for each in again} == {1}


async def test_worker_that_was_stopped_takes_no_wakeup(server: RedisServer) -> None:
    """A worker that ends while it waits leaves the next wakeup to another one."""
    worker = RedisBroker(server.url, poll_interval=60)
    waiting = asyncio.create_task(worker.queue.store.wait_for_wakeup(60))
    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)

    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    async with asyncio.timeout(PATIENCE):
        while "cmd=blpop" in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    await worker.shutdown()
