"""PipelinedConnection: one connection that many callers share.

Commands of one turn of the event loop leave together, and no command waits for the reply of the
one before it. When a caller is cancelled, its reply is read and dropped; other callers do not
notice.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from redis.exceptions import NoScriptError, RedisError, ResponseError

from taskiq_redis.errors import RedisCommandError, RedisUnreachableError
from taskiq_redis.storage.protocol import (
    LOST_AT_ONCE,
    UNASKED,
    Argument,
    Reason,
    RedisProtocol,
    packed_command,
)
from taskiq_redis.storage.refusals import MOVING, is_elsewhere, lost_connection, refusal
from taskiq_redis.storage.scripts import Script
from taskiq_redis.storage.servers import Server

__all__ = ["Argument", "PipelinedConnection"]

MOVED: Final = "the keys are on another server"
MOVING_PAUSE: Final = 0.05
"""Seconds before a command is sent again to a cluster that moves its keys."""


class PipelinedConnection:
    """A connection to the server that has a key; opened when it is needed, and again when lost.

    Args:
        server: opens the connection.
        key: a key of the commands; it chooses the node of a cluster.
        timeout: seconds that a reply may take.
    """

    def __init__(self, server: Server, key: str, *, timeout: float) -> None:
        self.server = server
        self._key = key
        self._timeout = timeout
        self._protocol: RedisProtocol | None = None
        self._leaving: RedisProtocol | None = None
        self._opening: asyncio.Task[None] | None = None
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._last_reply = 0.0
        self._patience = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, *command: Argument, patience: float = 0.0) -> Any:
        """Send a command and return its reply.

        Args:
            command: the command and its arguments.
            patience: seconds that the command itself may wait in the server.

        Raises:
            RedisUnreachableError: there is no connection, or it was lost meanwhile; in that case
                the server may have run the command.
            RedisCommandError: the server refused the command.
            UnicodeEncodeError: an argument can't be encoded as UTF-8.
        """
        packed = packed_command(command)
        try:
            return await self._send(packed, patience)
        except ResponseError as error:
            return await self._send_again(packed, patience, str(command[0]), error)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script and return its reply; raises what `call` raises.

        The text of the script is sent only if the server does not have it.
        """
        command = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        packed = packed_command(command)
        try:
            return await self._send(packed, 0.0)
        except ResponseError as error:
            refused = error
        try:
            return await self._send_again(packed, 0.0, "EVALSHA", refused)
        except RedisCommandError as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Close the connection; calls under way raise RedisUnreachableError."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        protocol = self._protocol or self._leaving
        if protocol is not None:
            self._forget(protocol, "the connection was closed")
            await protocol.close()

    # -- sending ------------------------------------------------------------------------------

    def _send(self, packed: bytes, patience: float) -> Awaitable[Any]:
        protocol = self._protocol
        if protocol is None:
            return self._open_and_send(packed, patience)
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if self._awaited:
            protocol.write_soon(packed)
        else:
            self._last_reply = loop.time()  # silence while no reply was awaited does not count
            protocol.write(packed)
        self._awaited.append(reply)
        self._patience = patience
        if self._timer is None:
            self._timer = loop.call_later(self._timeout + patience, self._check)
        return reply

    async def _open_and_send(self, packed: bytes, patience: float) -> Any:
        await self._opened()
        if self._protocol is None:
            raise self._lost(LOST_AT_ONCE)
        return await self._send(packed, patience)

    async def _send_again(
        self, packed: bytes, patience: float, name: str, error: ResponseError
    ) -> Any:
        """Send a command again that did not run, as its keys are no longer there, or not all.

        The next connection leads to the server that can run it. While a cluster moves the keys
        there is none, and what it says is not followed: a script needs all of them.

        Args:
            packed: the command.
            patience: seconds that the command itself may wait in the server.
            name: of the command.
            error: why it did not run; one that is not about the place of its keys is raised.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._timeout
        while is_elsewhere(error) or isinstance(error, MOVING):
            try:
                return await self._send(packed, patience)
            except ResponseError as refused:
                error = refused
            if not isinstance(error, MOVING) or loop.time() > give_up:
                break
            await asyncio.sleep(MOVING_PAUSE)
        raise refusal(error, address=self.server.address, command=name) from error

    # -- opening and losing -------------------------------------------------------------------

    async def _opened(self) -> None:
        """Wait until there is a connection; concurrent callers wait for the same attempt."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._forget_opening)
        opening = self._opening
        await asyncio.wait({opening})
        if opening.cancelled():
            raise self._lost("the connection was closed")
        opening.result()

    def _forget_opening(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()  # retrieved: the callers that waited for it may all be gone

    async def _open(self) -> None:
        if self._leaving is not None:
            await asyncio.wait({self._leaving.ended})
        connection = await self.server.connect(self._key)
        protocol = RedisProtocol(self._receive, self._forget)
        try:
            await protocol.take_over(connection)
        except (RedisError, OSError) as error:
            raise self._lost(error) from error
        self._protocol = protocol

    def _receive(self, reply: Any) -> None:
        """Give a reply to its caller."""
        if not self._awaited:
            self._lose(UNASKED)
            return
        caller = self._awaited.popleft()
        self._last_reply = asyncio.get_running_loop().time()
        if isinstance(reply, Exception):
            self._refuse(caller, reply)
        elif not caller.done():
            caller.set_result(reply)
        if self._leaving is not None and not self._awaited:
            self._lose(MOVED)

    def _refuse(self, caller: "asyncio.Future[Any]", error: Exception) -> None:
        if not isinstance(error, ResponseError):  # about the connection, such as LOADING
            self._awaited.appendleft(caller)
            self._lose(error)
            return
        if not caller.done():
            caller.set_exception(error)
        if is_elsewhere(error) and self._protocol is not None:
            # Commands behind this one have replies of their own, which say whether they ran.
            self._leaving, self._protocol = self._protocol, None

    def _lose(self, reason: Reason) -> None:
        protocol = self._protocol or self._leaving
        if protocol is not None:
            protocol.lose(reason)

    def _forget(self, protocol: RedisProtocol, reason: Reason) -> None:
        """Fail the callers whose connection was lost."""
        if protocol not in (self._protocol, self._leaving):
            return
        self._protocol = self._leaving = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        awaited, self._awaited = self._awaited, deque()
        error = self._lost(reason)
        for each in awaited:
            if not each.done():
                each.set_exception(error)

    def _lost(self, reason: Reason) -> RedisUnreachableError:
        return lost_connection(reason, address=self.server.address, timeout=self._timeout)

    def _check(self) -> None:
        """Give the connection up if replies are awaited and none has come for too long."""
        self._timer = None
        if not self._awaited:
            return
        loop = asyncio.get_running_loop()
        left = self._last_reply + self._timeout + self._patience - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._check)
        else:
            self._lose(TimeoutError())
