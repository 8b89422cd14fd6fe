"""Subscription: the messages of channels, over a connection of its own."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, RedisError

from taskiq_core.exceptions import TaskiqError, reason_of
from taskiq_redis.errors import RedisRightsError, RedisTimeoutError, RedisUnreachableError
from taskiq_redis.storage.servers import Server


class Subscription(AbstractAsyncContextManager["Subscription"]):
    """Subscribed channels; an async iterator of channel and data.

    Ends with RedisUnreachableError when the connection is lost: messages that are published then
    are gone, and the caller must look for their subject elsewhere. RedisRightsError if the user
    may not subscribe.

    After a time of silence the server is pinged: a connection that was lost without a sign looks
    like one of a channel without messages.

    Args:
        server: opens the connection.
        channels: the first ones; messages that are published after the `async with` has begun are
            received.
        timeout: seconds of silence after which the server is pinged, and then seconds without a
            reply after which the connection is given up.
    """

    def __init__(self, server: Server, *channels: str, timeout: float) -> None:
        self._server = server
        self._channels = channels
        self._timeout = timeout
        self._connection: AbstractConnection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await self._server.connect(next(iter(self._channels), ""))
        try:
            if self._channels:
                await self.subscribe(self._channels)
                for _ in self._channels:
                    await self._next()
        except BaseException:
            await self._disconnect()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._disconnect()

    async def subscribe(self, channels: Collection[str]) -> None:
        """Subscribe to more channels; the iterator confirms each, with None as data."""
        await self._send("SUBSCRIBE", *channels)

    async def unsubscribe(self, channels: Collection[str]) -> None:
        """Leave channels."""
        await self._send("UNSUBSCRIBE", *channels)

    async def __aiter__(self) -> AsyncGenerator[tuple[str, bytes | None], None]:
        """Yield channel and data of each message; data is None for a confirmed subscription."""
        while True:
            match await self._next():
                case [b"message", channel, data]:
                    yield channel.decode(), data
                case [b"subscribe", channel, _]:
                    yield channel.decode(), None
                case _:
                    pass  # a channel that was left, or the reply to a ping

    async def _send(self, *command: str) -> None:
        if self._connection is None:
            raise RedisUnreachableError(address=self._server.address, reason="it was closed")
        try:
            await self._connection.send_packed_command(
                self._connection.pack_command(*command), check_health=False
            )
        except (RedisError, OSError) as error:
            raise self._lost(error) from error

    async def _next(self) -> Any:
        """Return the next reply."""
        reply = await self._read()
        if reply is None:
            await self._send("PING")
            reply = await self._read()
        if reply is None:
            raise RedisTimeoutError(address=self._server.address, timeout=self._timeout)
        return reply

    async def _read(self) -> Any:
        """Return the next reply; None after a time of silence."""
        if self._connection is None:
            raise RedisUnreachableError(address=self._server.address, reason="it was closed")
        try:
            return await self._connection.read_response(
                disable_decoding=True, timeout=self._timeout, disconnect_on_error=False
            )
        except (RedisError, OSError) as error:
            raise self._lost(error) from error

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.disconnect(nowait=True))

    def _lost(self, error: Exception) -> TaskiqError:
        address = self._server.address
        if isinstance(error, NoPermissionError):
            return RedisRightsError(address=address, command="SUBSCRIBE", reason=str(error))
        return RedisUnreachableError(address=address, reason=reason_of(error))
