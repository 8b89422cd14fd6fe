"""Results are pushed to waiting callers, small ones in the notice itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from taskiq_core.messages.result import TaskiqResult
from taskiq_redis import RedisAsyncResultBackend
from taskiq_testservers.redis_server import PATIENCE, RedisServer

Backend = RedisAsyncResultBackend[Any]


@pytest.fixture
async def backend(server: RedisServer) -> AsyncIterator[Backend]:
    backend = Backend(server.url)
    yield backend
    await backend.shutdown()


async def listened_to(server: RedisServer, task_id: str) -> None:
    """Wait until a caller has subscribed to a result."""
    async with asyncio.timeout(PATIENCE):
        while f"result:{task_id}" not in await server.say("PUBSUB", "CHANNELS"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def result_of(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.1)


async def pushed(server: RedisServer, waiting: Backend, value: Any) -> Any:
    """Store a result while a caller waits, and return what the caller gets."""
    sender = Backend(server.url)
    wait = asyncio.create_task(waiting.wait("one"))
    await listened_to(server, "one")
    await server.say("CONFIG", "RESETSTAT")
    await sender.set_result("one", result_of(value))
    async with asyncio.timeout(PATIENCE):
        result = await wait
    await sender.shutdown()
    return result.return_value


async def reads(server: RedisServer) -> bool:
    return "cmdstat_mget" in await server.say("INFO", "commandstats")


async def test_a_small_result_comes_in_the_notice(server: RedisServer, backend: Backend) -> None:
    assert await pushed(server, backend, {"total": 3}) == {"total": 3}
    assert not await reads(server)


async def test_a_large_result_is_read_after_the_notice(
    server: RedisServer, backend: Backend
) -> None:
    text = "x" * 20_000

    assert await pushed(server, backend, text) == text
    assert await reads(server)


async def test_a_result_that_is_not_kept_is_gone_when_it_was_pushed(server: RedisServer) -> None:
    backend = Backend(server.url, keep_results=False)

    assert await pushed(server, backend, 3) == 3

    assert not await backend.is_result_ready("one")
    await backend.shutdown()


async def test_a_result_that_was_there_before_is_read(
    server: RedisServer, backend: Backend
) -> None:
    await backend.set_result("one", result_of(1))

    async with asyncio.timeout(PATIENCE):
        result = await backend.wait("one")

    assert result.return_value == 1
