"""What taskiq-redis 1.x left in its lists and streams is run once by the broker of its name."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from taskiq_core.receiver import Receiver
from taskiq_redis import ListQueueBroker, RedisBroker, RedisStreamBroker
from taskiq_redis.queue.earlier_queue import EarlierQueue
from taskiq_testservers.redis_server import PATIENCE, RedisServer

UNKNOWN = b"\x00 of another program"


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as redis:
        yield redis


def body(number: int, **labels: str) -> bytes:
    """A message as 1.x stores it."""
    fields = {"task_id": f"id-{number}", "task_name": "note", "labels": labels, "args": [number]}
    return json.dumps({**fields, "kwargs": {}}).encode()


class Worker:
    """A worker of a broker; an async context manager that ends when a number of tasks ran."""

    def __init__(self, broker: RedisBroker) -> None:
        self.broker = broker
        self.ran: list[int] = []
        self._changed = asyncio.Event()
        broker.is_worker_process = True
        broker.register_task(self.note, "note")

    async def note(self, number: int) -> None:
        self.ran.append(number)
        self._changed.set()

    async def __aenter__(self) -> "Worker":
        self._finish = asyncio.Event()
        receiver = Receiver(self.broker, max_async_tasks=1)
        self._listening = asyncio.create_task(receiver.listen(self._finish))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._finish.set()
        await self._listening
        await self.broker.shutdown()

    async def has_run(self, count: int) -> list[int]:
        async with asyncio.timeout(PATIENCE):
            while len(self.ran) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.ran


async def test_tasks_of_a_list_run_once_and_in_their_order(
    server: RedisServer, redis: Redis
) -> None:
    await redis.lpush("taskiq", *(body(number, delay="3600") for number in range(250)))

    async with Worker(ListQueueBroker(server.url)) as worker:
        ran = list(await worker.has_run(250))
        left = await worker.broker.earlier_queue().count()

    assert ran == list(range(250))
    assert await redis.exists("taskiq") == 0
    assert (left.kind, left.waiting) == (None, 0)


async def test_tasks_that_a_client_of_1_x_sends_later_run_too(
    server: RedisServer, redis: Redis
) -> None:
    async with Worker(ListQueueBroker(server.url, lease=0.2)) as worker:
        await redis.lpush("taskiq", body(1))

        assert await worker.has_run(1) == [1]


async def test_two_workers_that_start_at_once_move_each_task_once(
    server: RedisServer, redis: Redis
) -> None:
    await redis.lpush("taskiq", *(body(number) for number in range(500)))
    brokers = [ListQueueBroker(server.url) for _ in range(4)]

    moved = await asyncio.gather(*(each.earlier_queue().take_over() for each in brokers))

    assert sum(moved) == 500
    assert (await brokers[0].stats()).waiting == 500
    for each in brokers:
        await each.shutdown()


async def test_message_that_cannot_be_read_is_buried(server: RedisServer, redis: Redis) -> None:
    await redis.lpush("taskiq", UNKNOWN, body(1))

    async with Worker(ListQueueBroker(server.url)) as worker:
        await worker.has_run(1)
        async with asyncio.timeout(PATIENCE):
            while not (letters := await worker.broker.dead_letters()):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.01)

    assert [each.message for each in letters] == [UNKNOWN]


async def test_of_a_stream_only_what_no_worker_ended(server: RedisServer, redis: Redis) -> None:
    """Acknowledged entries stay in a stream of 1.x; they are not run again."""
    await redis.xgroup_create("taskiq", "taskiq", id="$", mkstream=True)
    for number in range(4):
        await redis.xadd("taskiq", {"data": body(number)})
    read = await redis.xreadgroup("taskiq", "old", {"taskiq": ">"}, count=2)
    entries: Any = read[0][1] if isinstance(read, list) else next(iter(read.values()))[0]
    await redis.xack("taskiq", "taskiq", entries[0][0])
    broker = RedisStreamBroker(server.url)
    store, formatter = broker.queue.store, broker.formatter
    earlier = EarlierQueue(store, formatter, group="taskiq", min_idle=0)
    before = await earlier.count()
    await earlier.take_over()

    async with Worker(broker) as worker:
        ran = sorted(await worker.has_run(3))
        after = await earlier.count()

    assert (before.kind, before.waiting, before.delivered) == ("stream", 2, 1)
    assert ran == [1, 2, 3]
    assert (after.waiting, after.delivered) == (0, 0)


async def test_task_that_a_worker_of_1_x_may_be_running_is_left_to_it(
    server: RedisServer, redis: Redis
) -> None:
    await redis.xgroup_create("taskiq", "own", id="0", mkstream=True)
    await redis.xadd("taskiq", {"data": body(1)})
    await redis.xreadgroup("own", "old", {"taskiq": ">"})
    broker = RedisStreamBroker(server.url, consumer_group_name="own", idle_timeout=600_000)

    assert await broker.earlier_queue().take_over() == 0
    assert (await broker.earlier_queue().count()).delivered == 1
    await broker.shutdown()


async def test_stream_that_no_worker_ever_read_is_taken_whole(
    server: RedisServer, redis: Redis
) -> None:
    await redis.xadd("taskiq", {"data": body(1)})

    async with Worker(RedisStreamBroker(server.url)) as worker:
        assert await worker.has_run(1) == [1]


async def test_another_group_of_the_stream_keeps_its_messages(
    server: RedisServer, redis: Redis
) -> None:
    await redis.xgroup_create("taskiq", "others", id="0", mkstream=True)
    await redis.xadd("taskiq", {"data": body(1)})
    broker = RedisStreamBroker(server.url)

    assert await broker.earlier_queue().take_over() == 0
    assert (await broker.earlier_queue().count()).waiting == 0
    await broker.shutdown()


async def test_redis_broker_leaves_a_key_of_its_name_alone(
    server: RedisServer, redis: Redis
) -> None:
    """It may be that of another program."""
    await redis.lpush("taskiq", body(1))
    broker = RedisBroker(server.url)
    broker.is_worker_process = True

    await broker.startup()
    await broker.reclaim()

    assert await redis.llen("taskiq") == 1
    await broker.shutdown()


async def test_worker_without_the_rights_says_so_and_goes_on(
    server: RedisServer, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.lpush("taskiq", body(1))
    rights = ["on", ">secret", "~{taskiq}", "~{taskiq}:*", "&{taskiq}:*", "+@all"]
    await server.say("ACL", "SETUSER", "few", *rights)
    broker = ListQueueBroker(server.url.replace("//", "//few:secret@"))
    broker.is_worker_process = True

    await broker.startup()
    await broker.reclaim()

    warnings = [each for each in caplog.messages if "are not taken over" in each]
    assert len(warnings) == 1
    await broker.shutdown()


async def test_command_counts_and_moves(server: RedisServer, redis: Redis) -> None:
    await redis.lpush("mails", body(1), body(2))
    url = f"{server.url}?queue_name=mails"

    counted = await asyncio.to_thread(_upgrade, url)
    moved = await asyncio.to_thread(_upgrade, url, "--move")
    empty = await asyncio.to_thread(_upgrade, url)

    assert counted == (1, "The list mails has 2 waiting tasks.\n")
    assert moved[0] == 0
    assert moved[1].startswith("Tasks moved: 2. There is neither a list nor a stream mails")
    assert empty[0] == 0
    broker = RedisBroker(server.url, queue_name="mails")
    assert (await broker.stats()).waiting == 2
    await broker.shutdown()


async def test_command_counts_a_stream_as_json(server: RedisServer, redis: Redis) -> None:
    await redis.xadd("taskiq", {"data": body(1)})

    status, text = await asyncio.to_thread(_upgrade, server.url, "--json")

    assert status == 1
    assert json.loads(text) == {
        "key": "taskiq",
        "kind": "stream",
        "moved": 0,
        "waiting": 1,
        "delivered": 0,
    }


def _upgrade(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "taskiq_cli", "redis-upgrade", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout or done.stderr


# --- the label queue_name -------------------------------------------------------------------------


@pytest.mark.parametrize("form", [ListQueueBroker, RedisStreamBroker], ids=lambda it: it.__name__)
async def test_label_sends_a_task_to_the_broker_of_that_name(
    server: RedisServer, form: type[ListQueueBroker]
) -> None:
    client = form(server.url)
    other = form(server.url, queue_name="mails")
    task = client.register_task(lambda number: number, "note")

    async with Worker(other) as worker:
        await task.kicker().with_labels(queue_name="mails").kiq(1)
        await task.kicker().with_labels(queue_name="taskiq").kiq(2)

        assert await worker.has_run(1) == [1]

    assert (await client.stats()).waiting == 1
    await client.shutdown()


async def test_messages_for_several_brokers_leave_in_one_call(server: RedisServer) -> None:
    client, other = ListQueueBroker(server.url), RedisBroker(server.url, queue_name="mails")
    task = client.register_task(lambda number: number, "note")

    await asyncio.gather(
        *(task.kicker().with_labels(queue_name="mails", delay=60).kiq(n) for n in range(3))
    )

    assert (await other.stats()).delayed == 3
    await client.shutdown()
    await other.shutdown()
