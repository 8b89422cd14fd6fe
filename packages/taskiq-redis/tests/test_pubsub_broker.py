"""PubSubBroker tells every worker that listens, and keeps nothing."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from taskiq_core.exceptions import UnsupportedLabelError
from taskiq_redis import PubSubBroker
from taskiq_testservers.redis_server import PATIENCE, RedisServer


async def received(broker: PubSubBroker, count: int, ready: asyncio.Event) -> list[bytes]:
    """Return the messages that a worker gets after the event is set."""
    heard: list[bytes] = []
    async with aclosing(broker.listen()) as messages:
        async for message in messages:
            if broker.formatter.loads(message).task_id == "tuning":
                ready.set()
                continue
            heard.append(message)
            if len(heard) == count:
                return heard
    raise AssertionError("the stream has ended")


async def tune_in(client: PubSubBroker, ready: list[asyncio.Event], name: str) -> None:
    while not all(event.is_set() for event in ready):
        await noop_of(client).kicker().with_task_id("tuning").kiq(name)
        await asyncio.sleep(0.02)


def noop_of(broker: PubSubBroker) -> Any:
    return broker.find_task("noop")


@pytest.fixture
async def client(server: RedisServer) -> PubSubBroker:
    client = PubSubBroker(server.url)

    @client.task(task_name="noop")
    async def noop(text: str) -> None: ...

    await client.startup()
    return client


async def test_every_worker_hears_everything(server: RedisServer, client: PubSubBroker) -> None:
    workers = [PubSubBroker(server.url) for _ in range(2)]
    ready = [asyncio.Event() for _ in workers]
    hearing = [
        asyncio.create_task(received(worker, 10, event))
        for worker, event in zip(workers, ready, strict=True)
    ]
    await tune_in(client, ready, "tuning")

    for number in range(10):
        await noop_of(client).kiq(str(number))

    async with asyncio.timeout(PATIENCE):
        heard = await asyncio.gather(*hearing)
    texts = [[client.formatter.loads(message).args for message in each] for each in heard]
    assert texts == [[[str(number)] for number in range(10)]] * 2
    await client.shutdown()


async def test_task_is_not_kept_while_no_worker_listens(
    server: RedisServer, client: PubSubBroker
) -> None:
    await noop_of(client).kiq("missed")

    assert await server.say("DBSIZE") == "0\n"
    await client.shutdown()


async def test_labels_that_need_a_queue_are_refused(client: PubSubBroker) -> None:
    with pytest.raises(UnsupportedLabelError, match="delay"):
        await noop_of(client).kicker().with_labels(delay=1).kiq("later")

    await client.shutdown()
