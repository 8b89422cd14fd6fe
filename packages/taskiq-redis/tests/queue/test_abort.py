"""Aborting: notices reach a worker although its subscription was lost."""

import asyncio

import pytest

from taskiq_redis import RedisBroker
from taskiq_testservers.redis_server import PATIENCE, RedisServer


async def test_subscription_that_was_lost_without_a_sign_is_noticed(server: RedisServer) -> None:
    worker = RedisBroker(server.url, socket_timeout=0.3)
    aborts = worker.aborts()
    receiving = asyncio.ensure_future(anext(aborts))
    async with asyncio.timeout(PATIENCE):
        while "cmd=subscribe" not in await server.say("CLIENT", "LIST"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    server.pause()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.shield(receiving)
    with pytest.raises(Exception, match=r"has not answered for 0\.3 s"):
        await receiving
    server.go_on()
    await worker.shutdown()
