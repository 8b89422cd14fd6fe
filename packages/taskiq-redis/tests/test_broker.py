"""RedisBroker: its connections, event loops and sockets."""

import asyncio
from pathlib import Path
from typing import Any

from taskiq_core.messages.result import TaskiqResult
from taskiq_redis import RedisBroker
from taskiq_testservers.redis_messages import message
from taskiq_testservers.redis_server import PATIENCE, RedisServer


def result_of(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.1)


async def test_loops_side_by_side_keep_their_connections(server: RedisServer) -> None:
    """A broker that two threads use in turn does not connect at each change."""
    broker = RedisBroker(server.url)

    def one_of_two(first: bool) -> None:
        async def send() -> None:
            for number in range(20):
                await broker.kick(message(f"{first}{number}"))
                await asyncio.sleep(0.001)
            await broker.shutdown()

        asyncio.run(send())

    before = await connections(server)
    await asyncio.gather(*(asyncio.to_thread(one_of_two, first) for first in (True, False)))

    assert await connections(server) - before <= 3  # one of redis-cli


async def connections(server: RedisServer) -> int:
    info = await server.say("INFO", "stats")
    line = next(line for line in info.splitlines() if line.startswith("total_connections"))
    return int(line.partition(":")[2])


async def test_nothing_is_connected_after_shutdown(server: RedisServer) -> None:
    broker = RedisBroker(server.url)
    await broker.startup()
    saves = [broker.result_backend.set_result(str(n), result_of(n)) for n in range(3)]
    saving = [asyncio.ensure_future(each) for each in saves]
    await asyncio.sleep(0)

    await broker.shutdown()

    await asyncio.gather(*saving, return_exceptions=True)
    async with asyncio.timeout(PATIENCE):
        while await clients(server) > 1:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    assert await clients(server) == 1, "only redis-cli"


async def clients(server: RedisServer) -> int:
    return (await server.say("CLIENT", "LIST")).count("cmd=")


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with RedisServer(tmp_path / "redis", "--unixsocket", str(path)):
        broker = RedisBroker(f"unix://{path}")
        await broker.startup()

        await broker.kick(message("one"))

        assert (await broker.stats()).waiting == 1
        await broker.shutdown()


async def test_results_are_stored_under_the_name_of_the_queue(server: RedisServer) -> None:
    """A user with the rights for one queue can store its results."""
    broker = RedisBroker(server.url, queue_name="mail")

    await broker.result_backend.set_result("one", result_of(1))

    assert await server.say("KEYS", "*") == "{mail}:result:one\n"
    await broker.result_backend.shutdown()
