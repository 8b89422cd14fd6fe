"""Subscription: the messages of channels, over a connection of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Self

from redis.exceptions import NoPermissionError, RedisError

from taskiq_core.exceptions import TaskiqError
from taskiq_redis.errors import RedisRightsError
from taskiq_redis.storage.protocol import Reason, RedisProtocol, packed_command
from taskiq_redis.storage.refusals import lost_connection
from taskiq_redis.storage.servers import Server

MAX_UNREAD: Final = 64 * 1024
"""Bytes of messages that wait for their reader before more are left to the server."""


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
        self._protocol: RedisProtocol | None = None
        self._reason: Reason = "it was closed"
        self._replies: deque[Any] = deque()
        self._unread = 0
        self._waiting: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_reply = 0.0
        self._is_pinged = False

    async def __aenter__(self) -> Self:
        connection = await self._server.connect(next(iter(self._channels), ""))
        protocol = RedisProtocol(self._receive, self._forget)
        try:
            await protocol.take_over(connection)
        except (RedisError, OSError) as error:
            raise self._lost(error) from error
        self._protocol = protocol
        loop = asyncio.get_running_loop()
        self._last_reply = loop.time()
        self._timer = loop.call_later(self._timeout, self._check)
        try:
            if self._channels:
                await self.subscribe(self._channels)
                for _ in self._channels:
                    await self._next()
        except BaseException:
            await asyncio.shield(self._close())
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.shield(self._close())

    async def subscribe(self, channels: Collection[str]) -> None:
        """Subscribe to more channels; the iterator confirms each, with None as data."""
        self._send("SUBSCRIBE", *channels)

    async def unsubscribe(self, channels: Collection[str]) -> None:
        """Leave channels."""
        self._send("UNSUBSCRIBE", *channels)

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

    # -- steps --------------------------------------------------------------------------------

    def _send(self, *command: str) -> None:
        if self._protocol is None:
            raise self._lost(self._reason)
        self._protocol.write(packed_command(command))

    async def _next(self) -> Any:
        """Return the next reply."""
        while not self._replies:
            if self._protocol is None:
                raise self._lost(self._reason)
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        reply = self._replies.popleft()
        if not self._replies:
            self._read_more()
        if isinstance(reply, Exception):
            raise self._lost(reply) from reply
        return reply

    def _receive(self, reply: Any) -> None:
        self._replies.append(reply)
        self._last_reply = asyncio.get_running_loop().time()
        self._is_pinged = False
        self._unread += _size(reply)
        if self._unread > MAX_UNREAD and self._protocol is not None:
            self._protocol.pause_reading()
        self._wake()

    def _read_more(self) -> None:
        if self._unread > MAX_UNREAD and self._protocol is not None:
            self._protocol.resume_reading()
        self._unread = 0

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _check(self) -> None:
        """Ping a silent server, and give it up if it stays silent."""
        loop = asyncio.get_running_loop()
        if self._replies:  # it is the reader who is slow
            self._last_reply = loop.time()
        left = self._last_reply + self._timeout - loop.time()
        if left <= 0 and self._protocol is not None:
            if self._is_pinged:
                self._protocol.lose(TimeoutError())
                return
            self._send("PING")
            self._last_reply, self._is_pinged = loop.time(), True
            left = self._timeout
        self._timer = loop.call_later(left, self._check)

    # -- the end ------------------------------------------------------------------------------

    def _forget(self, protocol: RedisProtocol, reason: Reason) -> None:
        del protocol
        self._protocol, self._reason = None, reason
        self._stop_timer()
        self._wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _close(self) -> None:
        self._stop_timer()
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            await protocol.close()

    def _lost(self, reason: Reason) -> TaskiqError:
        address = self._server.address
        if isinstance(reason, NoPermissionError):
            return RedisRightsError(address=address, command="SUBSCRIBE", reason=str(reason))
        return lost_connection(reason, address=address, timeout=self._timeout)


def _size(reply: Any) -> int:
    """Return about how many bytes a reply holds."""
    data = reply[-1] if isinstance(reply, list) and reply else b""
    return 100 + (len(data) if isinstance(data, bytes) else 0)
