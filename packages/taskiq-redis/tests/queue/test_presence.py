"""Presence: records end, and a dead worker's messages come back at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_redis import RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_testservers.redis_messages import fetch, message
from taskiq_testservers.redis_server import PATIENCE, RedisServer

NOW = datetime(2031, 2, 3, tzinfo=UTC)


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


def record(worker_id: str, tasks_done: int = 0) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker_id,
        host="host",
        pid=1,
        state=next(iter(WorkerState)),
        started_at=NOW,
        seen_at=NOW,
        tasks_done=tasks_done,
    )


def texts(records: Sequence[WorkerRecord]) -> list[str]:
    return [each.model_dump_json() for each in records]


async def test_records_are_kept_until_they_end_or_are_withdrawn(
    server: RedisServer, broker: RedisBroker
) -> None:
    await broker.announce(record("short"), ttl=0.05)
    await broker.announce(record("b"), ttl=60)
    await broker.announce(record("a"), ttl=60)
    await broker.announce(record("b", tasks_done=3), ttl=60)
    async with asyncio.timeout(PATIENCE):
        while len(found := await broker.workers()) > 2:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)

    await broker.withdraw("a")
    await broker.withdraw("unknown")

    assert texts(found) == texts([record("a"), record("b", tasks_done=3)])
    assert texts(await broker.workers()) == texts([record("b", tasks_done=3)])
    await broker.announce(record("c"), ttl=60)
    assert await server.say("HLEN", "{taskiq}:workers") == "2\n", "ended ones are forgotten"


async def test_record_that_can_not_be_read_is_left_out(
    broker: RedisBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await broker.announce(record("good"), ttl=60)
    await broker.announce(record("later"), ttl=60)
    call = broker.queue.store.connection.call
    await call("HSET", "{taskiq}:workers", "later", b'{"worker_id": "later", "new": 1}')

    assert [each.worker_id for each in await broker.workers()] == ["good"]
    assert "record of a worker can't be read" in caplog.text


async def test_more_records_than_one_reply_has(broker: RedisBroker) -> None:
    await asyncio.gather(*(broker.announce(record(f"{n:04}"), ttl=60) for n in range(2_050)))

    found = await broker.workers()

    assert [each.worker_id for each in found] == [f"{n:04}" for n in range(2_050)]


# --- reclaiming -----------------------------------------------------------------------------------


async def test_messages_of_a_dead_worker_are_given_back_and_no_others(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(n)) for n in range(6)])
    await broker.kick(message("mail", queue_name="mails"))
    selection = QueueSelection.parse("taskiq,mails")
    for owner, count in (("dead", 2), ("alive", 2), ("dead", 3)):
        await Fetcher(broker.queue, lease=60, owner=owner, selection=selection).fetch(count)

    count = await broker.reclaim(owner="dead")
    again = await broker.reclaim(owner="dead")

    assert (count, again) == (5, 0)
    assert (await broker.stats()).delivered == 2
    deliveries = (await fetch(broker)).deliveries
    assert {(each.attempt, each.unsettled) for each in deliveries} == {(2, 1)}
    assert (await broker.stats(queue="mails")).waiting == 1


async def test_thousands_of_deliveries_are_looked_through_for_those_of_a_worker(
    broker: RedisBroker,
) -> None:
    """Many leases end at the same moment, on both sides of a page."""
    await broker.kick_many([message(str(n)) for n in range(2_600)])
    for owner in ("alive", "dead", "alive", "dead", "alive", "dead"):
        await Fetcher(broker.queue, lease=60, owner=owner).fetch(430)

    assert await broker.reclaim(owner="dead") == 3 * 430
    assert (await broker.stats()).delivered == 3 * 430


async def test_message_that_an_earlier_version_has_now_is_not_given_back(
    broker: RedisBroker,
) -> None:
    """It writes no owner, so that of an earlier delivery is still there."""
    await broker.kick(message("one"))
    (first,) = (await Fetcher(broker.queue, lease=60, owner="dead").fetch(1)).deliveries
    await first.release()
    await fetch(broker, 1)

    assert await broker.reclaim(owner="dead") == 0


async def test_reclaim_wakes_a_waiting_worker(server: RedisServer, broker: RedisBroker) -> None:
    await broker.kick(message("one"))
    await Fetcher(broker.queue, lease=60, owner="dead").fetch(1)
    await server.say("DEL", "{taskiq}:bell")

    await broker.reclaim(owner="dead")

    assert await server.say("LLEN", "{taskiq}:bell") == "1\n"


async def test_acknowledged_messages_leave_no_owner(
    server: RedisServer, broker: RedisBroker
) -> None:
    broker.worker_id = "worker-a"
    await broker.kick_many([message(str(n)) for n in range(3)])
    for each in (await Fetcher(broker.queue, lease=60, owner="worker-a").fetch(3)).deliveries:
        await each.ack()

    assert await server.say("EXISTS", "{taskiq}:owners") == "0\n"
