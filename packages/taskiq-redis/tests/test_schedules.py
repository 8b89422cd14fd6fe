"""Schedules in Redis: only due ones are read, and past ones leave nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_redis import ListRedisScheduleSource, RedisScheduleSource
from taskiq_redis.errors import RedisUnreachableError
from taskiq_testservers.redis_server import PATIENCE, RedisServer

NOW = datetime(2031, 2, 3, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def source(server: RedisServer) -> AsyncIterator[ListRedisScheduleSource]:
    source = ListRedisScheduleSource(server.url, claim_memory=0.01)
    yield source
    await source.shutdown()


def once(name: str, time: datetime) -> ScheduledTask:
    return ScheduledTask(
        task_name="noop", labels={}, args=[], kwargs={}, schedule_id=name, time=time
    )


async def fire(source: ListRedisScheduleSource, schedule: ScheduledTask) -> None:
    """What schedulers do: the schedule is gone before its tick is confirmed."""
    assert schedule.time is not None
    await source.add_schedule(schedule)
    assert await source.claim(schedule.schedule_id, schedule.time)
    await source.post_send(schedule)
    await source.confirm(schedule.schedule_id, schedule.time)


async def test_what_is_due_later_is_not_read(
    server: RedisServer, source: ListRedisScheduleSource
) -> None:
    """However much there is: schedulers ask each minute."""
    for number in range(50):
        await source.add_schedule(once(f"later {number}", NOW + timedelta(days=1 + number)))
    await source.add_schedule(once("soon", NOW))

    found = await source.get_schedules_until(NOW + timedelta(minutes=11))

    assert [each.schedule_id for each in found] == ["soon"]
    assert len(await source.get_schedules()) == 51


async def test_what_was_due_before_may_be_skipped(server: RedisServer) -> None:
    source = ListRedisScheduleSource(server.url, skip_past_schedules=True)
    await source.add_schedule(once("past", LONG_AGO))
    await source.add_schedule(once("to come", NOW))

    assert [each.schedule_id for each in await source.get_schedules()] == ["to come"]
    await source.shutdown()


async def test_schedules_by_a_serializer_of_ones_own(server: RedisServer) -> None:
    class Backwards(JSONSerializer):
        def dumpb(self, value: Any) -> bytes:
            return super().dumpb(value)[::-1]

        def loadb(self, value: bytes) -> Any:
            return super().loadb(value[::-1])

    source = RedisScheduleSource(server.url, serializer=Backwards())
    schedule = once("one", NOW)
    await source.add_schedule(schedule)

    assert await source.get_schedules() == [schedule]
    assert (await server.say("HGET", "{schedule}:once", "one")).startswith("}")
    await source.shutdown()


async def test_nothing_is_left_of_what_fired_once(
    server: RedisServer, source: ListRedisScheduleSource
) -> None:
    for number in range(50):
        await fire(source, once(f"once {number}", LONG_AGO))

    async with asyncio.timeout(PATIENCE):
        while await server.say("ZCARD", "{schedule}:done") != "1\n":
            await source.confirm("other", LONG_AGO)
            await asyncio.sleep(0.01)

    assert (await server.say("KEYS", "*")).split() == ["{schedule}:done"]


async def test_claims_that_were_never_confirmed_are_pruned(server: RedisServer) -> None:
    """As of a scheduler that died, and whose schedule was deleted meanwhile."""
    source = ListRedisScheduleSource(server.url, claim_lease=0.01, claim_memory=0.01)
    for number in range(20):
        await source.claim(f"gone {number}", LONG_AGO)

    async with asyncio.timeout(PATIENCE):
        while await source.abandoned():
            await source.confirm("other", LONG_AGO)
            await asyncio.sleep(0.01)

    await source.shutdown()


async def test_changes_are_told_at_once_but_for_what_was_sent(
    server: RedisServer, source: ListRedisScheduleSource
) -> None:
    """A schedule that fires once is gone when its task was sent: no scheduler needs to look."""
    heard = asyncio.Queue[None]()

    async def listen() -> None:
        async for _ in source.changes():
            heard.put_nowait(None)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE):
        await heard.get()  # the subscription stands
        schedule = once("sent", NOW)
        await source.add_schedule(schedule)
        await heard.get()
        await source.post_send(schedule)
        await source.delete_schedule("another")
        await heard.get()  # of the second one, as messages keep their order
        await source.add_schedule(schedule)
        await heard.get()

    assert heard.empty()
    listening.cancel()
    await asyncio.wait({listening})


async def test_a_lost_subscription_is_told(
    server: RedisServer, source: ListRedisScheduleSource
) -> None:
    """Schedulers subscribe again, and read the schedules after that."""
    async with aclosing(source.changes()) as changes:
        await anext(changes)

        server.kill()

        with pytest.raises(RedisUnreachableError):
            await asyncio.wait_for(anext(changes), PATIENCE)
