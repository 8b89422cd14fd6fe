"""RedisProtocol: commands out and replies in, over a socket that redis-py has opened.

redis-py finds the server, connects and logs in; what follows is bytes. They are parsed in C as they
arrive, without a task that reads, and a command leaves in the turn of the event loop in which it is
written.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from hiredis import Reader, pack_command
from redis.asyncio.connection import AbstractConnection, DefaultParser
from redis.exceptions import InvalidResponse

Argument: TypeAlias = bytes | str | int | float
"""A part of a command."""
Reason: TypeAlias = BaseException | str
"""Why a connection is lost."""
CLOSED: Final = "the server has closed the connection"
LOST_AT_ONCE: Final = "it was lost as soon as it was open"
UNASKED: Final = "it sent a reply to no command"
CLOSING_TIME: Final = 1.0
"""Seconds that the other side of an encrypted connection has to confirm its end."""
_INCOMPLETE: Final = object()


def packed_command(command: tuple[Argument, ...]) -> bytes:
    """Return a command as bytes, before it is queued: what can't be packed fails its caller alone.

    Raises:
        UnicodeEncodeError: an argument can't be encoded as UTF-8.
    """
    return pack_command(command)  # type: ignore[arg-type,no-any-return]  # a tuple of any length


class RedisProtocol(asyncio.Protocol):
    """An open connection.

    Attributes:
        ended: done when there is no connection any more.

    Args:
        receive: takes each reply in the order of the commands. An error of the server is an
            exception that is passed, not raised; texts are bytes, so that none fails to decode.
        forget: called with the reason when the connection is lost; not when it is closed.
    """

    def __init__(
        self, receive: Callable[[Any], None], forget: Callable[["RedisProtocol", Reason], None]
    ) -> None:
        self._receive = receive
        self._forget = forget
        # The classes of errors are redis-py's, by the first word of their texts.
        self._reader = Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,
            notEnoughData=_INCOMPLETE,
        )
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._outgoing: list[bytes] = []
        self._is_flushing = False
        self._is_full = False
        self._is_open = False

    async def take_over(self, connection: AbstractConnection) -> None:
        """Continue a connection that redis-py has opened, which must not be used afterwards.

        Raises:
            ConnectionResetError: the server has closed it, or has sent more than it was asked for.
        """
        is_quiet = not await connection.can_read()
        # redis-py has no public way to the socket. Its writer closes the socket when it is
        # collected as garbage, and the connection complains if it still has a writer then.
        writer, connection._writer, connection._reader = connection._writer, None, None
        if writer is None or writer.transport.is_closing():
            raise ConnectionResetError(LOST_AT_ONCE)
        transport = cast("asyncio.Transport", writer.transport)  # uvloop's is not a subclass
        if not is_quiet:
            transport.abort()
            raise ConnectionResetError(LOST_AT_ONCE)
        self._writer, self._transport = writer, transport
        self._transport.set_protocol(self)
        self._is_open = True

    # -- out ----------------------------------------------------------------------------------

    def write(self, packed: bytes) -> None:
        """Write at once; for a command that no other one is on its way with."""
        if self._outgoing or self._is_full:
            self._outgoing.append(packed)
        else:
            self._transport.write(packed)

    def write_soon(self, packed: bytes) -> None:
        """Write together with the other commands of this turn of the event loop."""
        self._outgoing.append(packed)
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._outgoing and self._is_open and not self._is_full:
            packed, self._outgoing = b"".join(self._outgoing), []
            self._transport.write(packed)

    def pause_writing(self) -> None:
        """Keep commands back: the server reads more slowly than they come."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Write the commands that were kept back."""
        self._is_full = False
        self._flush()

    # -- in -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Pass on the replies that are complete."""
        reader, receive = self._reader, self._receive
        reader.feed(data)
        try:
            while self._is_open and (reply := reader.gets()) is not _INCOMPLETE:
                receive(reply)
        except InvalidResponse as error:  # these bytes are not Redis's
            self.lose(error)

    def pause_reading(self) -> None:
        """Leave what comes to the buffers of the system, and then to the server."""
        if self._is_open:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._is_open:
            self._transport.resume_reading()

    # -- the end ------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner."""
        self.lose(exc or CLOSED)
        if not self.ended.done():
            self.ended.set_result(None)

    def lose(self, reason: Reason) -> None:
        """Give the connection up, and drop the commands that are not written yet."""
        if self._is_open:
            self._is_open = False
            self._outgoing.clear()
            self._transport.abort()
            self._forget(self, reason)

    async def close(self) -> None:
        """Close the connection when the commands before this call are on their way."""
        self._flush()
        self._is_open = False
        self._transport.close()
        try:
            await asyncio.wait({self.ended}, timeout=CLOSING_TIME)
        finally:
            self._transport.abort()
