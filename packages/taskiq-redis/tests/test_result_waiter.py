"""ResultWaiter: results are pushed, also after the connection was lost."""

import asyncio
from typing import Any

from taskiq_core.messages.result import TaskiqResult
from taskiq_redis import RedisAsyncResultBackend
from taskiq_testservers.redis_server import PATIENCE, RedisServer


async def test_results_are_pushed_after_a_connection_was_lost(server: RedisServer) -> None:
    backend = RedisAsyncResultBackend[Any](server.url, poll_interval=60)
    wait = asyncio.create_task(backend.wait("one"))
    await until_subscribed(server, "one")

    await server.say("CLIENT", "KILL", "TYPE", "pubsub")

    await until_subscribed(server, "one")
    result = TaskiqResult[Any](is_err=False, return_value=1, execution_time=0.1)
    await backend.set_result("one", result)
    async with asyncio.timeout(PATIENCE):
        assert (await wait).return_value == 1
    await backend.shutdown()


async def until_subscribed(server: RedisServer, task_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while f":{task_id}\n1\n" not in await server.say(  # noqa: ASYNC110  # has no event
            "PUBSUB", "NUMSUB", f"{{taskiq}}:result:{task_id}"
        ):
            await asyncio.sleep(0.01)
