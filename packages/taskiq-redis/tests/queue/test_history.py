"""History: what has ended, in pages, within its bounds; and counters that add up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    MinuteCounters,
)
from taskiq_redis import RedisBroker
from taskiq_redis.errors import RedisUrlError
from taskiq_testservers.redis_server import RedisServer

MINUTE = datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, history=HistoryOptions(max_deliveries=2_000))
    yield broker
    await broker.shutdown()


def ended(task_id: str, **values: Any) -> DeliveryRecord:
    defaults = {"task_name": "task", "end": DeliveryEnd.SUCCEEDED}
    return DeliveryRecord(
        task_id=task_id, started_at=MINUTE, ended_at=MINUTE, **{**defaults, **values}
    )


async def add(broker: RedisBroker, *records: DeliveryRecord) -> None:
    await broker.add_history(records, [])


async def all_ids(broker: RedisBroker, *, limit: int = 100, **where: Any) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await broker.deliveries_of_past(after=after, limit=limit, **where)
        assert len(page.deliveries) <= limit
        found += [each.task_id for each in page.deliveries]
        if page.after is None:
            return found
        after = page.after


# --- deliveries -----------------------------------------------------------------------------------


async def test_deliveries_come_back_the_latest_first(broker: RedisBroker) -> None:
    record = ended(
        "one", worker_id="w", queue="mails", attempt=2, sent_at=MINUTE, error="ValueError: no"
    )
    await add(broker, record)
    await add(broker, *(ended(str(number)) for number in range(6)))

    page = await broker.deliveries_of_past(limit=4)
    rest = await broker.deliveries_of_past(after=page.after)

    assert [each.task_id for each in page.deliveries] == ["5", "4", "3", "2"]
    assert [each.task_id for each in rest.deliveries] == ["1", "0", "one"]
    last = rest.deliveries[-1]
    assert last.key
    assert last.model_copy(update={"key": ""}) == record


async def test_deliveries_that_end_meanwhile_shift_nothing(broker: RedisBroker) -> None:
    await add(broker, *(ended(str(number)) for number in range(6)))
    page = await broker.deliveries_of_past(limit=3)
    await add(broker, ended("new"))

    rest = await broker.deliveries_of_past(after=page.after, limit=3)

    assert [each.task_id for each in rest.deliveries] == ["2", "1", "0"]


async def test_filters(broker: RedisBroker) -> None:
    await add(
        broker,
        ended("a", task_name="mail"),
        ended("b", task_name="report", end=DeliveryEnd.FAILED),
        ended("a", task_name="mail", end=DeliveryEnd.FAILED),
    )

    assert await all_ids(broker, task_name="mail") == ["a", "a"]
    assert await all_ids(broker, task_id="b") == ["b"]
    assert await all_ids(broker, end=DeliveryEnd.FAILED) == ["a", "b"]
    assert await all_ids(broker, task_name="report", end=DeliveryEnd.SUCCEEDED) == []


async def test_search_looks_through_a_thousand_deliveries_a_page(broker: RedisBroker) -> None:
    await add(broker, ended("rare"), *(ended("other") for _ in range(1_500)))

    first = await broker.deliveries_of_past(task_id="rare")

    assert first.deliveries == []
    assert first.after is not None
    assert await all_ids(broker, task_id="rare") == ["rare"]


async def test_only_the_latest_are_kept(server: RedisServer) -> None:
    broker = RedisBroker.from_url(f"{server.url}?history=5")
    for first in (0, 4, 8):
        await add(broker, *(ended(str(first + number)) for number in range(4)))

    assert await all_ids(broker) == ["11", "10", "9", "8", "7"]
    await broker.shutdown()


async def test_deliveries_are_dropped_when_they_are_too_old(server: RedisServer) -> None:
    broker = RedisBroker(server.url, history=HistoryOptions(max_age=0.2))
    await add(broker, ended("old"))
    await asyncio.sleep(0.3)
    await add(broker, ended("new"))

    assert await all_ids(broker) == ["new"]
    await broker.shutdown()


@pytest.mark.parametrize("after", ["", "nonsense", "1-1-1", "-"])
async def test_text_that_is_not_a_key_is_refused(broker: RedisBroker, after: str) -> None:
    with pytest.raises(ValueError, match="is not the key of a page"):
        await broker.deliveries_of_past(after=after)


async def test_record_that_can_not_be_read_is_left_out(
    broker: RedisBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await add(broker, ended("good"))
    await broker.queue.store.connection.call("XADD", "{taskiq}:history", "*", "record", b"\xff")

    assert await all_ids(broker) == ["good"]
    assert "of the history can't be read" in caplog.text


async def test_nothing_is_kept_without_the_option(server: RedisServer) -> None:
    broker = RedisBroker(server.url)

    await broker.add_history([ended("one")], [counters()])

    assert await server.say("KEYS", "*") == "\n"
    assert await all_ids(broker) == []
    await broker.shutdown()


@pytest.mark.parametrize("value", ["0", "many", "-5"])
def test_option_of_a_url_that_can_not_be(value: str) -> None:
    with pytest.raises(RedisUrlError, match="history"):
        RedisBroker.from_url(f"redis://localhost?history={value}")


# --- counters -------------------------------------------------------------------------------------


def counters(minute: datetime = MINUTE, task_name: str = "task", **values: Any) -> MinuteCounters:
    return MinuteCounters(minute=minute, task_name=task_name, **values)


def histogram(**buckets: int) -> list[int]:
    empty = MinuteCounters(minute=MINUTE, task_name="").ran
    return [buckets.get(f"b{number}", 0) for number in range(len(empty))]


async def test_counters_of_workers_are_added_up(broker: RedisBroker) -> None:
    later = MINUTE + timedelta(minutes=1)
    one = counters(started=3, failed=1, waited=histogram(b0=2, b3=1), ran_sum=0.25)
    two = counters(started=2, dead=1, waited=histogram(b3=4), ran_sum=0.5, waited_sum=1.5)

    await broker.add_history([], [one, counters(task_name="other", started=1)])
    await broker.add_history([], [two, counters(minute=later, retried=7)])

    assert list(await broker.minute_counters(since=MINUTE)) == [
        counters(task_name="other", started=1),
        counters(
            started=5,
            failed=1,
            dead=1,
            waited=histogram(b0=2, b3=5),
            ran_sum=0.75,
            waited_sum=1.5,
        ),
        counters(minute=later, retried=7),
    ]


async def test_counters_since_a_moment_and_of_one_task(broker: RedisBroker) -> None:
    minutes = [MINUTE - timedelta(minutes=number) for number in range(4)]
    await broker.add_history([], [counters(minute=each, started=1) for each in minutes])
    await broker.add_history([], [counters(minute=minutes[0], task_name="other")])

    since = await broker.minute_counters(since=minutes[1] + timedelta(seconds=30))
    other = await broker.minute_counters(since=minutes[3], task_name="other")

    assert [each.minute for each in since] == [minutes[1], minutes[0], minutes[0]]
    assert [each.task_name for each in other] == ["other"]


async def test_counters_are_dropped_when_they_are_too_old(server: RedisServer) -> None:
    broker = RedisBroker(server.url, history=HistoryOptions(counters_age=600))
    old = MINUTE - timedelta(minutes=20)

    await broker.add_history([], [counters(minute=old, started=1), counters(started=2)])

    assert list(await broker.minute_counters(since=old)) == [counters(started=2)]
    assert await server.say("HLEN", "{taskiq}:counters") == "1\n"
    await broker.shutdown()


async def test_more_than_one_script_takes(broker: RedisBroker) -> None:
    records = [ended(str(number)) for number in range(1_500)]
    many = [counters(task_name=f"{number:04}", started=1) for number in range(2_100)]

    await broker.add_history(records, many)

    assert len(await all_ids(broker)) == 1_500
    assert list(await broker.minute_counters(since=MINUTE)) == many


async def test_counters_that_can_not_be_read_are_left_out_and_replaced(
    broker: RedisBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await broker.add_history([], [counters(started=1), counters(task_name="good")])
    minute = f"{int(MINUTE.timestamp() * 1000)} task"
    await broker.queue.store.connection.call("HSET", "{taskiq}:counters", minute, b"\xff")

    broken = await broker.minute_counters(since=MINUTE)
    await broker.add_history([], [counters(started=4)])

    assert [each.task_name for each in broken] == ["good"]
    assert "can't be read" in caplog.text
    mended = await broker.minute_counters(since=MINUTE, task_name="task")
    assert [each.started for each in mended] == [4]
