"""The server is restarted, paused, filled and robbed of its scripts: nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from taskiq_core.exceptions import BrokerConnectionError, SendTaskError
from taskiq_core.receiver import Receiver
from taskiq_redis import RedisAsyncResultBackend, RedisBroker
from taskiq_redis.errors import RedisFullError, RedisTimeoutError, RedisUnreachableError
from taskiq_testservers.redis_server import PATIENCE, RedisServer
from taskiq_testservers.worker_main import listening

LEASE = 1.0


@asynccontextmanager
async def working(broker: RedisBroker) -> AsyncIterator[RedisBroker]:
    """A worker of the same tasks, until the block ends."""
    worker = RedisBroker(broker_url(broker), lease=LEASE, socket_timeout=broker.socket_timeout)
    worker.is_worker_process = True
    for task in broker.get_all_tasks().values():
        worker.register_task(task.original_func, task.task_name)
    receiver = Receiver(worker, max_async_tasks=10, wait_tasks_timeout=PATIENCE)
    try:
        async with listening(receiver):
            yield worker
    finally:
        await worker.shutdown()


def broker_url(broker: RedisBroker) -> str:
    return f"redis://{broker.server.address}"


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(server.url, lease=LEASE)

    @broker.task(task_name="double")
    async def double(number: int) -> int:
        await asyncio.sleep(0.01)
        return 2 * number

    yield broker
    await broker.shutdown()


def task_of(broker: RedisBroker) -> Any:
    return broker.find_task("double")


async def sent_at_last(broker: RedisBroker, number: int) -> Any:
    """Send a task, again while the server is away; the task may run twice."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await task_of(broker).kiq(number)
            except BrokerConnectionError:
                await asyncio.sleep(0.05)


async def test_a_restart_in_the_middle_is_survived_by_all(
    server: RedisServer, broker: RedisBroker
) -> None:
    """Client, worker and waiting callers go on with the objects that they have."""
    async with working(broker):
        before = [await task_of(broker).kiq(number) for number in range(100)]
        waiting = [asyncio.create_task(task.wait_result(timeout=PATIENCE)) for task in before]
        await waiting[0]

        await server.restart()

        after = [await sent_at_last(broker, number) for number in range(100, 120)]
        results = await asyncio.gather(
            *waiting, *(task.wait_result(timeout=PATIENCE) for task in after)
        )

    assert [result.return_value for result in results] == [2 * number for number in range(120)]


async def test_a_server_that_does_not_answer_is_an_error_in_time(server: RedisServer) -> None:
    broker = RedisBroker(server.url, socket_timeout=0.3)
    await broker.startup()
    server.pause()

    with pytest.raises(RedisTimeoutError, match=r"has not answered for 0\.3 s"):
        await broker.stats()

    server.go_on()
    assert (await broker.stats()).waiting == 0
    await broker.shutdown()


async def test_a_pause_loses_nothing(server: RedisServer) -> None:
    """Longer than every time-out: the worker comes back, and every task has its result."""
    broker = RedisBroker(server.url, lease=LEASE, socket_timeout=0.3)

    @broker.task(task_name="double")
    async def double(number: int) -> int:
        return 2 * number

    async with working(broker):
        tasks = [await double.kiq(number) for number in range(20)]
        server.pause()
        await asyncio.sleep(0.8)
        server.go_on()
        async with asyncio.timeout(PATIENCE):
            results = [await task.wait_result(timeout=PATIENCE) for task in tasks]

    assert [result.return_value for result in results] == [2 * n for n in range(20)]
    await broker.shutdown()


async def test_idle_for_longer_than_every_time_out_changes_nothing(server: RedisServer) -> None:
    broker = RedisBroker(server.url, lease=LEASE, socket_timeout=0.2, poll_interval=0.3)

    @broker.task(task_name="double")
    async def double(number: int) -> int:
        return 2 * number

    async with working(broker):
        for number in range(3):
            task = await double.kiq(number)
            result = await task.wait_result(timeout=PATIENCE)
            assert result.return_value == 2 * number
            connections = await server.say("INFO", "stats")
            await asyncio.sleep(0.7)
        after = await server.say("INFO", "stats")

    assert _received(after) - _received(connections) <= 2  # redis-cli's own
    await broker.shutdown()


def _received(info: str) -> int:
    line = next(line for line in info.splitlines() if line.startswith("total_connections"))
    return int(line.partition(":")[2])


async def test_waits_that_follow_each_other_are_no_silence(server: RedisServer) -> None:
    """Each is shorter than the time-out, all of them are much longer."""
    broker = RedisBroker(server.url, socket_timeout=0.2)
    await broker.queue.store.wait_for_wakeup(0.001)
    before = _received(await server.say("INFO", "stats"))

    async with asyncio.timeout(PATIENCE):
        for seconds in (0.001, *([0.15] * 8), 0.4, 0.4):
            await broker.queue.store.wait_for_wakeup(seconds)

    after = _received(await server.say("INFO", "stats"))
    assert after == before + 1  # redis-cli's own
    await broker.shutdown()


async def test_a_full_server_refuses_and_loses_nothing(
    server: RedisServer, broker: RedisBroker
) -> None:
    tasks = [await task_of(broker).kiq(number) for number in range(10)]
    await server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await server.say("CONFIG", "SET", "maxmemory", "1")

    with pytest.raises(SendTaskError, match=r"no memory left .* Nothing was stored") as refused:
        await task_of(broker).kiq(10)

    assert isinstance(refused.value.__cause__, RedisFullError)
    assert (await broker.stats()).waiting == 10
    async with working(broker):
        await asyncio.sleep(0.3)  # it may run some, and can't store their results
        await server.say("CONFIG", "SET", "maxmemory", "0")
        results = [await task.wait_result(timeout=PATIENCE) for task in tasks]
    assert [result.return_value for result in results] == [2 * n for n in range(10)]


async def test_scripts_that_are_flushed_are_given_again(
    server: RedisServer, broker: RedisBroker
) -> None:
    async with working(broker):
        for number in range(3):
            await server.say("SCRIPT", "FLUSH")
            task = await task_of(broker).kiq(number)
            result = await task.wait_result(timeout=PATIENCE)
            assert result.return_value == 2 * number


async def test_what_is_done_leaves_no_trace(server: RedisServer, broker: RedisBroker) -> None:
    labels = {"priority": 3, "expires": 100, "unique_key": "key", "delay": 0.01}
    async with working(broker):
        for _ in range(2):
            task = await task_of(broker).kicker().with_labels(**labels).kiq(1)
            await task.wait_result(timeout=PATIENCE)
            # The result is there before the message is forgotten, and its key is free.
            async with asyncio.timeout(PATIENCE):
                while (await broker.stats()).delivered:  # noqa: ASYNC110  # has no event
                    await asyncio.sleep(0.01)
        tasks = [await task_of(broker).kiq(number) for number in range(1000)]
        await asyncio.gather(*(task.wait_result(timeout=PATIENCE) for task in tasks))

    await server.say("DEL", "{taskiq}:bell")
    keys = (await server.say("KEYS", "*")).split()
    counters = {"{taskiq}:fence", "{taskiq}:number", "{taskiq}:sent"}
    assert {key for key in keys if ":result:" not in key} <= counters


async def test_passwords_are_in_no_text(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"redis://user:secret-word@127.0.0.1:{server.port}"
    broker, results = RedisBroker(url), RedisAsyncResultBackend[Any](url)

    with pytest.raises(RedisUnreachableError) as refused:
        await broker.startup()
    server.kill()
    with pytest.raises(RedisUnreachableError) as unreachable:
        await broker.startup()

    texts = [repr(broker), repr(results), str(refused.value), str(unreachable.value), caplog.text]
    assert not [text for text in texts if "secret-word" in text]
    assert "WRONGPASS" in str(refused.value) or "invalid" in str(refused.value)
    assert f"127.0.0.1:{server.port}" in str(unreachable.value)


async def test_one_broker_in_two_event_loops_one_after_the_other(server: RedisServer) -> None:
    broker = RedisBroker(server.url)

    @broker.task(task_name="noop")
    async def noop() -> None: ...

    await asyncio.to_thread(lambda: [asyncio.run(_send_and_leave(broker, noop)) for _ in range(2)])

    assert (await broker.stats()).waiting == 2
    await broker.shutdown()


async def _send_and_leave(broker: RedisBroker, noop: Any) -> None:
    async with broker:
        await noop.kiq()
