"""Line: one connection that is held, and shared by all who have something to say.

Commands of one turn of the event loop leave in one write, and nobody waits for an answer before the
next one asks. A caller that is cancelled disturbs nobody: its answer is read and dropped.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from taskiq_redis.errors import (
    RedisCommandError,
    RedisFullError,
    RedisLoginError,
    RedisRightsError,
    RedisTimeoutError,
    RedisUnreachableError,
)
from taskiq_redis.scripts import Script
from taskiq_redis.servers import Server

logger = logging.getLogger(__name__)

TIMEOUT: Final = 10.0
"""Seconds without an answer after which a connection is given up."""
Argument = bytes | str | int | float
# The server is another one by now, or will be: the line must be opened anew.
_ELSEWHERE: Final = (MovedError, ReadOnlyError, ClusterDownError)


_FORBIDDEN_IN_SCRIPTS: Final = ("ACL failure", "The user executing the script can't")
"""What servers of several versions say of a command in a script that the user may not run."""


class Line:
    """A connection to the server that has a key; opened when it is needed, and again when lost.

    Args:
        server: where it is.
        key: which key the commands are about.
        timeout: seconds that an answer may take.
    """

    def __init__(self, server: Server, key: str, *, timeout: float = TIMEOUT) -> None:
        self.server = server
        self._key = key
        self._timeout = timeout
        self._connection: AbstractConnection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._outgoing: list[bytes] = []
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last_answer = 0.0
        self._patience = 0.0
        self._watch: asyncio.TimerHandle | None = None

    async def call(self, *command: Argument, patience: float = 0.0) -> Any:
        """Say something, and wait for the answer.

        Args:
            command: the command and its arguments.
            patience: seconds that the command itself may wait in the server.

        Raises:
            RedisUnreachableError: there is no connection, or it was lost meanwhile; then the
                command may have been done.
            RedisCommandError: the server refused it.
            UnicodeEncodeError: an argument is a text that is no text in UTF-8.
        """
        # Before anything waits for its answer: what can't be packed is its caller's error alone.
        packed: bytes = pack_command(command)  # type: ignore[arg-type]  # a tuple of any length will do
        try:
            return await self._ask(packed, patience)
        except ResponseError as error:
            if not _is_elsewhere(error):
                raise self._refusal(command, error) from error
        # It was not done there, and the next connection leads to where it can be.
        try:
            return await self._ask(packed, patience)
        except ResponseError as error:
            raise self._refusal(command, error) from error

    async def run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script; the server is given its text if it does not know it.

        Errors are those of `call`.
        """
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except RedisCommandError as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Hang up; whoever still waits gets RedisUnreachableError. May be called twice."""
        for task in (self._opening, self._reading):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    # -- opening and closing ------------------------------------------------------------------

    async def _ask(self, packed: bytes, patience: float) -> Any:
        while self._connection is None:
            await self._opened()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if not self._asked:  # the silence before is nobody's fault
            self._last_answer = loop.time()
        self._outgoing.append(packed)
        self._asked.append(answer)
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        self._patience = patience
        if self._watch is None:
            self._watch = loop.call_later(self._timeout + patience, self._check)
        return await answer

    async def _opened(self) -> None:
        """Wait until there is a connection; all who wait do so for the same one, or for its end."""
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
            opening.exception()  # whoever waited has it; there may be nobody any more

    async def _open(self) -> None:
        connection = await self.server.connect(self._key)
        self._connection = connection
        self._reading = asyncio.create_task(self._read(connection))

    async def _read(self, connection: AbstractConnection) -> None:
        """Hand out answers as they come, until the connection is lost."""
        loop = asyncio.get_running_loop()
        reason: BaseException | str = "the connection was closed"
        try:
            while True:
                answer = await self._answer(connection)
                self._last_answer = loop.time()
                if not self._asked:
                    reason = "it answered what was not asked"
                    return
                asked = self._asked.popleft()
                if asked.done():
                    continue
                if isinstance(answer, ResponseError):
                    asked.set_exception(answer)
                    if _is_elsewhere(answer):
                        reason = answer
                        return
                else:
                    asked.set_result(answer)
        except (RedisError, OSError) as error:
            reason = error
        except asyncio.CancelledError:
            pass  # we hang up, and are waited for
        finally:
            self._lose(connection, reason)
            await connection.disconnect(nowait=True)

    @staticmethod
    async def _answer(connection: AbstractConnection) -> Any:
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
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        asked, self._asked = self._asked, deque()
        self._outgoing.clear()
        error = self._lost(reason)
        for each in asked:
            if not each.done():
                each.set_exception(error)

    def _lost(self, reason: BaseException | str) -> RedisUnreachableError:
        if isinstance(reason, TimeoutError):
            return RedisTimeoutError(address=self.server.address, timeout=self._timeout)
        text = str(reason) or type(reason).__name__
        if isinstance(reason, AuthenticationError):
            return RedisLoginError(address=self.server.address, reason=text.rstrip("."))
        return RedisUnreachableError(address=self.server.address, reason=text)

    # -- writing ------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Send what was said in this turn of the event loop, and what comes meanwhile."""
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
        """One timer for all: an answer must come as long as any is waited for."""
        self._watch = None
        if not self._asked or self._connection is None:
            return
        loop = asyncio.get_running_loop()
        left = self._last_answer + self._timeout + self._patience - loop.time()
        if left > 0:
            self._watch = loop.call_later(left, self._check)
            return
        reading, connection = self._reading, self._connection
        self._lose(connection, TimeoutError())
        if reading is not None:
            reading.cancel()

    def _refusal(self, command: tuple[Argument, ...], error: ResponseError) -> Exception:
        name = str(command[0])
        if _is_elsewhere(error):
            return self._lost(error)
        # In a script it is an error of the script, with that of the command in its text.
        is_full = isinstance(error, OutOfMemoryError) or "OOM " in str(error)
        is_forbidden = isinstance(error, NoPermissionError) or any(
            text in str(error) for text in _FORBIDDEN_IN_SCRIPTS
        )
        kind = RedisFullError if is_full else RedisCommandError
        if is_forbidden:
            kind = RedisRightsError
        return kind(address=self.server.address, command=name, reason=str(error))


def _is_elsewhere(error: Exception) -> bool:
    # In a script of Redis 6 it is an error of the script, with that of the command in its text.
    return isinstance(error, _ELSEWHERE) or "-READONLY " in str(error)
