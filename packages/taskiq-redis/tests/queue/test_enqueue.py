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
