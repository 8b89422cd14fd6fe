"""Sending: a message that can't be stored is refused, and no other message with it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_redis import RedisBroker
from taskiq_testservers.redis_messages import message
from taskiq_testservers.redis_server import RedisServer


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url)
    yield broker
    await broker.shutdown()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"expires": float("-inf")}, "not a number of seconds"),
        ({"delay": "-1e999"}, "not a number of seconds"),
        ({"unique_key": "\udcff"}, "not text in UTF-8"),
    ],
)
async def test_label_that_can_not_be_stored_is_refused_alone(
    broker: RedisBroker, labels: dict[str, Any], reason: str
) -> None:
    good = asyncio.ensure_future(broker.kick(message("good")))

    with pytest.raises(SendTaskError, match=reason):
        await broker.kick(message("bad", **labels))

    await good
    assert (await broker.stats()).waiting == 1


@pytest.mark.parametrize(("task_id", "name"), [("id", "a\nb"), ("a\nb", "name")])
async def test_line_feed_in_a_name_or_id_is_refused(
    broker: RedisBroker, task_id: str, name: str
) -> None:
    bad = BrokerMessage(task_id=task_id, task_name=name, message=b"", labels={})

    with pytest.raises(SendTaskError, match="has a line feed"):
        await broker.kick(bad)


@pytest.mark.parametrize(
    ("name", "base"),
    [("mail", "{mail}"), ("{app}mail", "{app}mail"), ("a{b", "{a{b}"), ("{}", "{{}}")],
)
async def test_keys_of_a_queue_share_a_slot_whatever_its_name(name: str, base: str) -> None:
    assert RedisBroker(queue_name=name).queue.store.base == base


async def test_messages_are_delivered_in_the_order_of_their_sends(broker: RedisBroker) -> None:
    """Whether they leave at once, or together with others that were sent meanwhile."""
    await broker.startup()
    for number in range(3):  # the first one of a second is stored by another script
        await broker.kick(message(f"a{number}"))
    sends: list[asyncio.Task[None]] = []
    for number in range(30):
        sends.append(asyncio.create_task(broker.kick(message(f"b{number}"))))
        for _ in range(number % 3):
            await asyncio.sleep(0)
    await asyncio.gather(*sends)
    await broker.kick(message("c0"))

    fetched = await broker.queue.store.connection.call("LRANGE", "{taskiq}:ready", 0, -1)

    names = [*(f"a{n}" for n in range(3)), *(f"b{n}" for n in range(30)), "c0"]
    assert [each.decode() for each in fetched] == names


async def test_an_id_that_is_sent_again_is_another_message(broker: RedisBroker) -> None:
    for body in (b"1", b"2", b"3"):
        await broker.kick(message("same", body=body))

    stored = await broker.queue.store.connection.call("HVALS", "{taskiq}:messages")

    assert {each.rpartition(b"\n")[2] for each in stored} == {b"1", b"2", b"3"}
    assert (await broker.stats()).waiting == 3


async def test_shutdown_waits_for_a_send_whose_caller_is_gone(server: RedisServer) -> None:
    """Both that of a lone message, and that of one that was sent meanwhile."""
    broker, counting = RedisBroker(server.url), RedisBroker(server.url)
    await broker.startup()
    for name in ("first", "second"):  # the server has the scripts then
        await broker.kick(message(name))
    sends = [asyncio.create_task(broker.kick(message(f"{number}"))) for number in range(2)]
    await asyncio.sleep(0)

    for send in sends:
        send.cancel()
    await broker.shutdown()

    assert (await counting.stats()).waiting == 4
    await counting.shutdown()
