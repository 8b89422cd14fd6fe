"""PipelinedConnection: one connection that many callers share.

Commands of one turn of the event loop leave in one write, and no command waits for the reply of the
one before it. When a caller is cancelled, its reply is read and dropped; other callers do not
notice.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_redis.errors import (
    RedisCommandError,
    RedisFullError,
    RedisLoginError,
    RedisRightsError,
    RedisTimeoutError,
    RedisUnreachableError,
)
from taskiq_redis.storage.scripts import Script
from taskiq_redis.storage.servers import Server

logger = get_logger(__name__)

Argument = bytes | str | int | float
# The key is on another server now, or will be: a new connection leads there.
_ELSEWHERE: Final = (MovedError, ReadOnlyError, ClusterDownError)
# A cluster moves the keys: until it has, no node has all of them. MovedError is an AskError, too.
_MOVING: Final = (AskError, TryAgainError)
MOVING_PAUSE: Final = 0.05
"""Seconds before a command is sent again to a cluster that moves its keys."""
_FORBIDDEN_IN_SCRIPTS: Final = ("ACL failure", "The user executing the script can't")
"""Texts of several versions of the server for a command in a script that the user may not run."""


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
        self._connection: AbstractConnection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._outgoing: list[bytes] = []
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
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
        # Packed before it is queued: an argument that can't be packed fails this caller alone.
        packed: bytes = pack_command(command)  # type: ignore[arg-type]  # a tuple of any length is accepted
        try:
            return await self._send(packed, patience)
        except ResponseError as error:
            if not (_is_elsewhere(error) or isinstance(error, _MOVING)):
                raise self._refusal(command, error) from error
        try:
            return await self._send_again(packed, patience)
        except ResponseError as error:
            raise self._refusal(command, error) from error

    async def run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script and return its reply; raises what `call` raises.

        The text of the script is sent only if the server does not have it.
        """
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except RedisCommandError as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Close the connection; calls under way raise RedisUnreachableError."""
        for task in (self._opening, self._reading):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    # -- opening and closing ------------------------------------------------------------------

    async def _send(self, packed: bytes, patience: float) -> Any:
        if self._connection is None:
            await self._opened()
            if self._connection is None:
                raise self._lost("it was lost as soon as it was open")
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if not self._awaited:  # silence while no reply was awaited does not count
            self._last_reply = loop.time()
        self._outgoing.append(packed)
        self._awaited.append(reply)
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        self._patience = patience
        if self._timer is None:
            self._timer = loop.call_later(self._timeout + patience, self._check)
        return await reply

    async def _send_again(self, packed: bytes, patience: float) -> Any:
        """Send a command that did not run where its keys are no longer, or not all of them.

        The next connection leads to the server that can run it. While a cluster moves the keys
        there is none, and what it says is not followed: a script needs all of them.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._timeout
        while True:
            try:
                return await self._send(packed, patience)
            except _MOVING:
                if loop.time() > give_up:
                    raise
            await asyncio.sleep(MOVING_PAUSE)

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
        connection = await self.server.connect(self._key)
        self._connection = connection
        self._reading = asyncio.create_task(self._read(connection))

    async def _read(self, connection: AbstractConnection) -> None:
        """Give each reply to its caller, until the connection is lost."""
        loop = asyncio.get_running_loop()
        reason: BaseException | str = "the connection was closed"
        try:
            while True:
                reply = await self._next_reply(connection)
                self._last_reply = loop.time()
                if not self._awaited:
                    reason = "it sent a reply to no command"
                    return
                caller = self._awaited.popleft()
                if caller.done():
                    continue
                if isinstance(reply, ResponseError):
                    caller.set_exception(reply)
                    if _is_elsewhere(reply):
                        reason = reply
                        return
                else:
                    caller.set_result(reply)
        except (RedisError, OSError) as error:
            reason = error
        except asyncio.CancelledError:
            pass  # by `close`, which waits for this task
        finally:
            self._lose(connection, reason)
            await connection.disconnect(nowait=True)

    @staticmethod
    async def _next_reply(connection: AbstractConnection) -> Any:
        try:
            return await connection.read_response(
                disable_decoding=True, timeout=math.inf, disconnect_on_error=False
            )
        except ResponseError as error:
            return error

    def _lose(self, connection: AbstractConnection, reason: BaseException | str) -> None:
        if self._connection is not connection:
            return
        self._connection = None
        self._reading = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        awaited, self._awaited = self._awaited, deque()
        self._outgoing.clear()
        error = self._lost(reason)
        for each in awaited:
            if not each.done():
                each.set_exception(error)

    def _lost(self, reason: BaseException | str) -> RedisUnreachableError:
        if isinstance(reason, TimeoutError):
            return RedisTimeoutError(address=self.server.address, timeout=self._timeout)
        text = reason if isinstance(reason, str) else reason_of(reason)
        if isinstance(reason, AuthenticationError):
            return RedisLoginError(address=self.server.address, reason=text.rstrip("."))
        return RedisUnreachableError(address=self.server.address, reason=text)

    # -- writing ------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write the commands of this turn of the event loop, and any that come meanwhile."""
        try:
            while self._outgoing and self._connection is not None:
                connection, commands = self._connection, self._outgoing
                self._outgoing = []
                try:
                    await connection.send_packed_command(b"".join(commands), check_health=False)
                except (RedisError, OSError) as error:
                    logger.debug("A connection to %s was lost: %s", self.server.address, error)
                    if self._connection is connection and self._reading is not None:
                        self._reading.cancel()
                    self._lose(connection, error)
        finally:
            self._writing = None

    def _check(self) -> None:
        """Give the connection up if replies are awaited and none has come for too long."""
        self._timer = None
        if not self._awaited or self._connection is None:
            return
        loop = asyncio.get_running_loop()
        left = self._last_reply + self._timeout + self._patience - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._check)
            return
        reading, connection = self._reading, self._connection
        self._lose(connection, TimeoutError())
        if reading is not None:
            reading.cancel()

    def _refusal(self, command: tuple[Argument, ...], error: ResponseError) -> Exception:
        name = str(command[0])
        if isinstance(error, _MOVING):
            reason = f"the cluster moves the keys to another node ({reason_of(error)})"
            return RedisUnreachableError(
                address=self.server.address, reason=reason, advice="Wait until it has."
            )
        if _is_elsewhere(error):
            return self._lost(error)
        # The error of a script has that of the failed command in its text.
        is_full = isinstance(error, OutOfMemoryError) or "OOM " in str(error)
        is_forbidden = isinstance(error, NoPermissionError) or any(
            text in str(error) for text in _FORBIDDEN_IN_SCRIPTS
        )
        kind = RedisFullError if is_full else RedisCommandError
        if is_forbidden:
            kind = RedisRightsError
        return kind(address=self.server.address, command=name, reason=str(error))


def _is_elsewhere(error: Exception) -> bool:
    # In Redis 6, the error of a script has that of the failed command in its text.
    return isinstance(error, _ELSEWHERE) or "-READONLY " in str(error)
