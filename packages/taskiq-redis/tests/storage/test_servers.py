"""Servers: a caller that is cancelled while it connects leaves no connection open."""

import asyncio
from typing import Any

import pytest

from taskiq_redis.storage import servers
from taskiq_redis.storage.servers import SentinelServer


class Connection:
    """An open connection."""

    is_open = True

    async def disconnect(self, *, nowait: bool) -> None:
        assert nowait
        self.is_open = False


async def test_caller_who_leaves_while_sentinels_are_closed_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connections to the sentinels are closed all the same, and that to the master."""
    connection, is_closing, may_close = Connection(), asyncio.Event(), asyncio.Event()
    closed: list[object] = []

    async def connected(*args: Any, **options: Any) -> Connection:
        return connection

    async def aclose(self: object) -> None:
        is_closing.set()
        await may_close.wait()
        closed.append(self)

    monkeypatch.setattr(servers, "_connected", connected)
    monkeypatch.setattr("redis.asyncio.Redis.aclose", aclose)
    server = SentinelServer([("localhost", 1), ("localhost", 2)], "master")
    connecting = asyncio.create_task(server.connect("key"))
    await is_closing.wait()

    connecting.cancel()
    await asyncio.sleep(0)
    may_close.set()
    await asyncio.wait({connecting})

    assert connecting.cancelled()
    assert len(closed) == 2
    assert not connection.is_open
