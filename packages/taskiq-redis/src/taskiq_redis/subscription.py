"""Subscription: what is said on channels, on a connection of its own."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, RedisError

from taskiq_core.exceptions import TaskiqError
from taskiq_redis.errors import RedisRightsError, RedisTimeoutError, RedisUnreachableError
from taskiq_redis.servers import Server


class Subscription(AbstractAsyncContextManager["Subscription"]):
    """Channels that are listened to; an async iterator of channel and data.

    Ends with RedisUnreachableError when the connection is lost: what is said then is gone, and
    whoever listens must look for it elsewhere. RedisRightsError if the user may not listen.

    A connection that is silent is asked whether it is there: one that was lost on the way looks
    like one on which nobody says anything.

    Args:
        server: where the channels are.
        channels: those to begin with; what is said after the `async with` has begun is heard.
        timeout: seconds of silence after which the server is asked, and then without an answer
            after which the connection is given up.
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
                    await self._heard()
        except BaseException:
            await self._hang_up()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._hang_up()

    async def subscribe(self, channels: Collection[str]) -> None:
        """Listen to more channels; the iterator confirms each, with None as data."""
        await self._say("SUBSCRIBE", *channels)

    async def unsubscribe(self, channels: Collection[str]) -> None:
        """Listen to fewer channels."""
        await self._say("UNSUBSCRIBE", *channels)

    async def __aiter__(self) -> AsyncGenerator[tuple[str, bytes | None], None]:
        """Channel and data of each message; data is None where a subscription is confirmed."""
        while True:
            match await self._heard():
                case [b"message", channel, data]:
                    yield channel.decode(), data
                case [b"subscribe", channel, _]:
                    yield channel.decode(), None
                case _:
                    pass  # a channel less, or the answer to our question

    async def _say(self, *command: str) -> None:
        if self._connection is None:
            raise RedisUnreachableError(address=self._server.address, reason="it was closed")
        try:
            await self._connection.send_packed_command(
                self._connection.pack_command(*command), check_health=False
            )
        except (RedisError, OSError) as error:
            raise self._lost(error) from error

    async def _heard(self) -> Any:
        """What is said next, or the answer to our question."""
        heard = await self._read()
        if heard is None:
            await self._say("PING")
            heard = await self._read()
        if heard is None:
            raise RedisTimeoutError(address=self._server.address, timeout=self._timeout)
        return heard

    async def _read(self) -> Any:
        """What is said next; None after a time of silence."""
        if self._connection is None:
            raise RedisUnreachableError(address=self._server.address, reason="it was closed")
        try:
            return await self._connection.read_response(
                disable_decoding=True, timeout=self._timeout, disconnect_on_error=False
            )
        except (RedisError, OSError) as error:
            raise self._lost(error) from error

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.disconnect(nowait=True))

    def _lost(self, error: Exception) -> TaskiqError:
        address = self._server.address
        if isinstance(error, NoPermissionError):
            return RedisRightsError(address=address, command="SUBSCRIBE", reason=str(error))
        reason = str(error) or type(error).__name__
        return RedisUnreachableError(address=address, reason=reason)
