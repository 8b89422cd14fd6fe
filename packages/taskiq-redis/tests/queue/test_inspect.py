"""Inspecting: pages of messages in their order, whatever happens between two pages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessageInfo,
    MessageState,
)
from taskiq_redis import RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_testservers.redis_messages import fetch, message
from taskiq_testservers.redis_server import RedisServer

WAITING, DELIVERED = MessageState.WAITING, MessageState.DELIVERED
DELAYED, DEAD = MessageState.DELAYED, MessageState.DEAD


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


async def all_pages(
    broker: RedisBroker,
    state: MessageState,
    *,
    limit: int = 3,
    where: MessageFilter = ALL_MESSAGES,
    **options: Any,
) -> list[MessageInfo]:
    found: list[MessageInfo] = []
    after: str | None = None
    while True:
        page = await broker.messages(state, where=where, after=after, limit=limit, **options)
        assert len(page.messages) <= limit
        found += page.messages
        if page.after is None:
            return found
        after = page.after


def ids(messages: list[MessageInfo]) -> list[str]:
    return [each.task_id for each in messages]


# --- one state after the other --------------------------------------------------------------------


async def test_waiting_messages_come_in_the_order_of_their_delivery(broker: RedisBroker) -> None:
    for number in range(4):
        await broker.kick(message(f"plain-{number}"))
    for number in range(4):
        await broker.kick(message(f"urgent-{number}", priority=5))
        await broker.kick(message(f"low-{number}", priority=-5))

    listed = ids(await all_pages(broker, WAITING))

    assert listed == [f"{kind}-{n}" for kind in ("urgent", "plain", "low") for n in range(4)]
    assert listed == [each.task_id for each in (await fetch(broker, 100)).deliveries]


async def test_message_is_shown_with_what_the_queue_knows_of_it(broker: RedisBroker) -> None:
    await broker.kick(message("one", b"12345", priority=7, unique_key="only"))

    (info,) = (await broker.messages(WAITING)).messages
    (with_body,) = (await broker.messages(WAITING, with_body=True)).messages

    assert (info.task_id, info.task_name, info.queue) == ("one", "task", "taskiq")
    assert (info.size, info.attempt, info.priority, info.unique_key) == (5, 0, 7, "only")
    assert (info.state, info.body, info.owner) == (WAITING, None, None)
    assert with_body.body == b"12345"


async def test_delivered_messages_have_their_owner_and_lease(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number)) for number in range(7)])
    for owner in ("worker-a", "worker-b"):
        await Fetcher(broker.queue, lease=60, owner=owner).fetch(3)
    now = datetime.now(UTC)

    listed = await all_pages(broker, DELIVERED, limit=2)

    assert ids(listed) == list("012345")
    assert [each.owner for each in listed] == ["worker-a"] * 3 + ["worker-b"] * 3
    assert all(each.attempt == 1 for each in listed)
    for each in listed:
        assert each.lease_until is not None
        assert timedelta(seconds=30) < each.lease_until - now < timedelta(seconds=90)
    assert ids(await all_pages(broker, WAITING)) == ["6"]


async def test_owner_of_an_earlier_delivery_is_not_shown(broker: RedisBroker) -> None:
    """As when a worker of an earlier version has the message now, which writes no owner."""
    await broker.kick(message("one"))
    (first,) = (await Fetcher(broker.queue, lease=60, owner="worker-a").fetch(1)).deliveries
    await first.release()
    await fetch(broker, 1)

    (info,) = (await broker.messages(DELIVERED)).messages

    assert info.owner is None
    assert info.attempt == 2


async def test_delayed_messages_come_by_when_they_are_due(broker: RedisBroker) -> None:
    for number in (30, 10, 20, 40):
        await broker.kick(message(f"in-{number}", delay=number))
    await broker.kick(message("now", delay=0.01))
    await asyncio.sleep(0.02)
    now = datetime.now(UTC)

    listed = await all_pages(broker, DELAYED, limit=2)

    assert ids(listed) == ["in-10", "in-20", "in-30", "in-40"]
    assert listed[0].due_at is not None
    assert timedelta(seconds=5) < listed[0].due_at - now < timedelta(seconds=15)
    assert ids(await all_pages(broker, WAITING)) == ["now"], "it is due"


async def test_dead_messages_come_oldest_first(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(n), unique_key=str(n), priority=3) for n in range(7)])
    for each in (await fetch(broker, 100)).deliveries:
        await each.bury("gave up", "ValueError: no")

    listed = await all_pages(broker, DEAD, with_body=True)

    assert ids(listed) == list("0123456")
    assert (listed[0].reason, listed[0].error) == ("gave up", "ValueError: no")
    assert (listed[0].attempt, listed[0].size, listed[0].body) == (1, 4, b"body")
    assert (listed[0].unique_key, listed[0].priority) == ("0", 3)


async def test_messages_of_another_queue(broker: RedisBroker) -> None:
    await broker.kick(message("default"))
    await broker.kick(message("mail", queue_name="mails"))

    (info,) = (await broker.messages(WAITING, queue="mails")).messages

    assert (info.task_id, info.queue) == ("mail", "mails")


# --- between two pages ----------------------------------------------------------------------------


async def test_messages_that_are_sent_or_delivered_meanwhile_shift_nothing(
    broker: RedisBroker,
) -> None:
    await broker.kick_many([message(f"{n:03}") for n in range(60)])
    first = await broker.messages(WAITING, limit=20)
    await fetch(broker, 10)
    await broker.kick_many([message(f"new-{n}") for n in range(5)])

    second = await broker.messages(WAITING, after=first.after, limit=20)
    await fetch(broker, 45)
    third = await broker.messages(WAITING, after=second.after, limit=20)

    assert ids(list(first.messages)) == [f"{n:03}" for n in range(20)]
    assert ids(list(second.messages)) == [f"{n:03}" for n in range(20, 40)]
    # Those up to 054 were delivered.
    assert ids(list(third.messages)) == [*(f"{n:03}" for n in range(55, 60)), *new(5)]


def new(count: int) -> list[str]:
    return [f"new-{n}" for n in range(count)]


async def test_place_of_a_page_is_found_although_thousands_were_delivered(
    broker: RedisBroker,
) -> None:
    await broker.kick_many([message(str(n)) for n in range(14_000)])
    first = await broker.messages(WAITING, limit=1000)
    after = first.after
    for _ in range(12):
        after = (await broker.messages(WAITING, after=after, limit=1000)).after
    for _ in range(12):
        await fetch(broker, 1000)

    page = await broker.messages(WAITING, after=after, limit=3)

    assert ids(list(page.messages)) == ["13000", "13001", "13002"]


async def test_renewed_leases_do_not_shift_delivered_messages(broker: RedisBroker) -> None:
    await broker.kick_many([message(str(number)) for number in range(9)])
    deliveries = (await fetch(broker, 9, lease=10)).deliveries
    first = await broker.messages(DELIVERED, limit=4)
    await broker.renew_leases(deliveries[:2])
    await deliveries[5].ack()

    rest = await broker.messages(DELIVERED, after=first.after, limit=10)

    assert ids(list(first.messages)) == list("0123")
    assert ids(list(rest.messages)) == list("4678")


@pytest.mark.parametrize("labels", [{"delay": 50}, {"priority": 1}, {"priority": -1}])
async def test_members_of_one_score_are_paged_although_the_last_one_is_gone(
    broker: RedisBroker, labels: dict[str, Any]
) -> None:
    state = DELAYED if "delay" in labels else WAITING
    await broker.kick_many([message(f"{n:02}", **labels) for n in range(10)])
    first = await broker.messages(state, limit=4)
    key = "delayed" if "delay" in labels else "priorities"
    store = broker.queue.store
    (gone,) = await store.connection.call("ZRANGE", f"{store.base}:{key}", 3, 3)
    await store.connection.call("ZREM", f"{store.base}:{key}", gone)

    rest = await broker.messages(state, after=first.after, limit=100)

    assert ids(list(first.messages)) == ["00", "01", "02", "03"]
    assert ids(list(rest.messages)) == [f"{n:02}" for n in range(4, 10)]
    assert rest.after is None


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    priorities=st.lists(st.sampled_from([None, -3, 0, 1, 9]), max_size=25),
    limit=st.integers(1, 7),
)
async def test_pages_are_the_whole_queue(
    broker: RedisBroker, priorities: list[int | None], limit: int
) -> None:
    for number, priority in enumerate(priorities):
        labels = {} if priority is None else {"priority": priority}
        await broker.kick(message(str(number), **labels))

    listed = ids(await all_pages(broker, WAITING, limit=limit))

    deliveries = (await fetch(broker, 100)).deliveries
    assert listed == [each.task_id for each in deliveries]
    await asyncio.gather(*(each.ack() for each in deliveries))


# --- filters --------------------------------------------------------------------------------------


async def in_each_state(broker: RedisBroker) -> None:
    """Three messages of two tasks in each state."""
    for state in ("delivered", "dead", "waiting", "delayed"):
        for name in ("mail", "mail", "report"):
            await broker.kick(
                message(f"{state}-{name}", delay=60 if state == "delayed" else 0)
                if name == "mail"
                else message(f"{state}-{name}", unique_key=state, delay=60 * (state == "delayed"))
            )
        if state in ("delivered", "dead"):
            for each in (await fetch(broker, 100)).deliveries:
                if state == "dead":
                    await each.bury("test")


@pytest.mark.parametrize("state", list(MessageState))
@pytest.mark.parametrize(
    ("where", "count"),
    [
        (lambda state: MessageFilter(task_id=f"{state}-mail"), 2),
        (lambda state: MessageFilter(task_id=f"{state}-report"), 1),
        (lambda state: MessageFilter(task_id="unknown"), 0),
        (lambda state: MessageFilter(unique_key=state), 1),
        (lambda state: MessageFilter(unique_key="unknown"), 0),
        (lambda state: MessageFilter(task_name="task"), 3),
        (lambda state: MessageFilter(task_name="unknown"), 0),
        (lambda state: MessageFilter(task_name="task", unique_key=state), 1),
        (lambda state: MessageFilter(task_id=f"{state}-mail", unique_key=state), 0),
    ],
)
async def test_filters(
    broker: RedisBroker,
    state: MessageState,
    where: Callable[[str], MessageFilter],
    count: int,
) -> None:
    await in_each_state(broker)

    listed = await all_pages(broker, state, where=where(state.value))

    assert len(listed) == count
    assert all(where(state.value).accepts(each) and each.state is state for each in listed)


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_messages_of_one_task_are_paged(broker: RedisBroker, limit: int) -> None:
    await broker.kick_many([message("same") for _ in range(5)])

    listed = await all_pages(broker, WAITING, limit=limit, where=MessageFilter(task_id="same"))

    assert len({each.key for each in listed}) == len(listed) == 5


async def test_search_for_a_rare_task_looks_at_a_thousand_messages_a_page(
    broker: RedisBroker,
) -> None:
    await broker.kick_many([message(str(number)) for number in range(2_500)])
    wanted = message("wanted").model_copy(update={"task_name": "rare"})
    await broker.kick(wanted)
    where = MessageFilter(task_name="rare")

    pages = [await broker.messages(WAITING, where=where)]
    while pages[-1].after is not None:
        pages.append(await broker.messages(WAITING, where=where, after=pages[-1].after))

    assert [len(page.messages) for page in pages] == [0, 0, 1]


@pytest.mark.parametrize("state", list(MessageState))
@pytest.mark.parametrize("after", ["", "nonsense", "ünïcode", "cjEyMw==", "====", "AAAA"])
async def test_text_that_is_not_a_key_is_refused(
    broker: RedisBroker, state: MessageState, after: str
) -> None:
    with pytest.raises(ValueError, match="is not the key of a page"):
        await broker.messages(state, after=after)


async def test_unreadable_messages_are_listed(broker: RedisBroker) -> None:
    call = broker.queue.store.connection.call
    await call("HSET", "{taskiq}:messages", b"\xff", b"\xfe no name")
    await call("RPUSH", "{taskiq}:ready", b"\xff")
    await call("HSET", "{taskiq}:extras", b"\xff", b"[")
    await broker.kick(message("good"))

    listed = await all_pages(broker, WAITING, limit=1)

    assert ids(listed) == ["\\xff", "good"]
    assert listed[0].task_name == "?"
