"""A cluster that moves the slot of a queue to another node: the queue waits, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.receiver import Receiver
from taskiq_redis.errors import RedisUnreachableError
from taskiq_redis.servers import ClusterServer
from taskiq_redis.storage.connection import PipelinedConnection
from taskiq_redis.storage.keys import key_base
from taskiq_testservers.redis_server import PATIENCE, RedisServer
from taskiq_testservers.redis_topologies import cluster_broker

QUEUE = "moving"
KEY = key_base(QUEUE)


@dataclass
class Cluster:
    """Two nodes, the first of which has all slots."""

    source: RedisServer
    target: RedisServer
    slot: str = ""

    async def start(self) -> None:
        for node in (self.source, self.target):
            await node.start()
        await self.source.say("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        await self.source.say("CLUSTER", "MEET", "127.0.0.1", str(self.target.port))
        async with asyncio.timeout(PATIENCE):
            while not await self._is_ready():  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.05)
        self.slot = (await self.source.say("CLUSTER", "KEYSLOT", KEY)).strip()

    async def begin_move(self) -> None:
        """From here on each node says of a key that it does not have that the other may."""
        source, target = await self._ids()
        await self.target.say("CLUSTER", "SETSLOT", self.slot, "IMPORTING", source)
        await self.source.say("CLUSTER", "SETSLOT", self.slot, "MIGRATING", target)

    async def end_move(self) -> None:
        """Move the keys; then the slot is the other node's."""
        found = await self.source.say("CLUSTER", "GETKEYSINSLOT", self.slot, "1000")
        to = ("127.0.0.1", str(self.target.port), "", "0", "5000", "KEYS")
        if keys := found.split():
            assert (await self.source.say("MIGRATE", *to, *keys)).strip() == "OK"
        _, target = await self._ids()
        for node in (self.target, self.source):
            await node.say("CLUSTER", "SETSLOT", self.slot, "NODE", target)

    async def _ids(self) -> tuple[str, str]:
        source, target = [
            (await node.say("CLUSTER", "MYID")).strip() for node in (self.source, self.target)
        ]
        return source, target

    async def _is_ready(self) -> bool:
        told = [await node.say("CLUSTER", "INFO") for node in (self.source, self.target)]
        return all("cluster_state:ok" in each and "known_nodes:2" in each for each in told)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    nodes = [
        RedisServer(tmp_path / name, "--cluster-enabled", "yes") for name in ("source", "target")
    ]
    try:
        cluster = Cluster(*nodes)
        await cluster.start()
        yield cluster
    finally:
        for node in nodes:
            node.kill()


async def _double(number: int) -> int:
    return 2 * number


async def test_tasks_wait_while_the_slot_of_their_queue_moves(cluster: Cluster) -> None:
    """What is sent meanwhile is sent when the move is over, by calls that do not fail."""
    client, worker = (cluster_broker((cluster.source.url, QUEUE)) for _ in range(2))
    worker.is_worker_process = True
    for broker in (client, worker):
        broker.register_task(_double, "double")
    double: Any = client.find_task("double")
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker, max_async_tasks=4).listen(finish))
    assert (await (await double.kiq(1)).wait_result(timeout=PATIENCE)).return_value == 2

    await cluster.begin_move()
    sending = [asyncio.create_task(double.kiq(number)) for number in range(5)]
    done, _ = await asyncio.wait(sending, timeout=0.3)
    await cluster.end_move()

    assert not done
    for number, sent in enumerate(await asyncio.gather(*sending)):
        assert (await sent.wait_result(timeout=PATIENCE)).return_value == 2 * number
    assert "moving" in await cluster.target.say("SCAN", "0", "COUNT", "1000")
    finish.set()
    await listening
    await client.shutdown()


async def test_move_that_takes_too_long_is_said(cluster: Cluster) -> None:
    await cluster.begin_move()
    connection = PipelinedConnection(ClusterServer(cluster.source.url), KEY, timeout=0.3)

    with pytest.raises(RedisUnreachableError, match="moves the keys to another node"):
        await connection.call("GET", KEY)

    await cluster.end_move()
    assert await connection.call("GET", KEY) is None
    await connection.close()
