"""Two schedulers of one label on one Redis server, one of them killed: each tick is sent once."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskiq_core import ScheduledTask
from taskiq_redis import RedisBroker
from taskiq_redis.ticks import read_claims
from taskiq_scheduler.tick_ids import tick_id
from taskiq_scheduler.ticks import latest_ticks
from taskiq_testservers.redis_server import RedisServer

SCRIPT = Path(__file__).with_name("label_scheduler_process.py")
SENDS = "sends"
"""The list in which the processes note what they send."""
PATIENCE = 30.0
TICKS = 3
"""With both schedulers, and then with the one that lives."""
SECOND = timedelta(seconds=1)
LABEL = ScheduledTask(
    task_name="t", labels={}, args=[], kwargs={}, schedule_id="label", interval=SECOND
)
CLAIM_KEY = "LabelScheduleSource label "


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path) as server:
        yield server


async def test_each_tick_of_a_label_is_sent_exactly_once(server: RedisServer) -> None:
    broker = RedisBroker(server.url)
    command = [sys.executable, str(SCRIPT), server.url]
    schedulers = [subprocess.Popen(command) for _ in range(2)]
    try:
        first = await last_tick(broker)
        await until(broker, first + TICKS * SECOND)
        killed = schedulers.pop(0)
        assert killed.poll() is None, "no scheduler ends by itself"
        killed.kill()
        killed.wait()
        orphans = {tick for _, tick in await claims(broker)}
        at_death = await last_tick(broker)
        last = at_death + TICKS * SECOND
        await until(broker, last)
    finally:
        for process in schedulers:
            process.terminate()
        for process in schedulers:
            try:
                process.wait(timeout=PATIENCE)
            finally:
                process.kill()

    messages = Counter(await task_ids(broker))
    sends = Counter(await server_list(broker, SENDS))
    await broker.shutdown()
    ticks = latest_ticks(LABEL, first, last, 1_000)
    assert len(ticks) >= 2 * TICKS
    assert {tick: messages[tick_id(LABEL, tick)] for tick in ticks} == dict.fromkeys(ticks, 1)
    assert set(messages.values()) == {1}
    # A scheduler that dies between send and confirmation leaves a tick that is sent again.
    sent_again = {tick for tick in ticks if sends[tick_id(LABEL, tick)] != 1}
    assert sent_again <= orphans


async def last_tick(broker: RedisBroker) -> datetime:
    """The latest tick that was confirmed, after a first one was."""
    async with asyncio.timeout(PATIENCE):
        while True:
            store = broker.queue.store
            ids = await store.connection.call("HKEYS", f"{store.base}:tick_last")
            found = await broker.tick_claims().last_ticks([each.decode() for each in ids])
            if found:
                ((claimed, tick),) = found.items()
                assert claimed.startswith(CLAIM_KEY)
                return tick
            await asyncio.sleep(0.05)


async def until(broker: RedisBroker, tick: datetime) -> None:
    """Wait until a tick was sent, and none before it is claimed by a scheduler that died."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await last_tick(broker) >= tick and await oldest_claim(broker) > tick:
                return
            await asyncio.sleep(0.05)


async def oldest_claim(broker: RedisBroker) -> datetime:
    """The first tick that is claimed; the end of time if none is."""
    found = await claims(broker)
    return min((tick for _, tick in found), default=datetime.max.replace(tzinfo=UTC))


async def claims(broker: RedisBroker) -> list[tuple[str, datetime]]:
    store = broker.queue.store
    return read_claims(await store.connection.call("ZRANGE", f"{store.base}:tick_claims", 0, -1))


async def server_list(broker: RedisBroker, key: str) -> list[str]:
    found = await broker.queue.store.connection.call("LRANGE", key, 0, -1)
    return [each.decode() for each in found]


async def task_ids(broker: RedisBroker) -> list[str]:
    """Of all messages; a second one of a task has a line feed and a number after the id."""
    store = broker.queue.store
    found = await store.connection.call("HKEYS", f"{store.base}:messages")
    return [each.decode().partition("\n")[0] for each in found]
