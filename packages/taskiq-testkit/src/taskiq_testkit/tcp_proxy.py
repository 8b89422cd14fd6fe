"""TcpProxy: connections to a server that tests do not own, cut, delayed and stalled on demand."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final, Self

RESET: Final = struct.pack("ii", 1, 0)
"""What has a socket reset its connection when it is closed, in place of a farewell."""


class TcpProxy:
    """Passes bytes on between a port of its own and a server; an async context manager.

    Give the broker the address of the proxy, and the trouble that you want to see to the proxy.

    Args:
        port: the server's port; it may be down for a while.
        host: the server's address.

    Attributes:
        host: where the proxy listens.
        port: its own port, a free one; known when the context is entered.
        delay: seconds that each piece of data waits before it is passed on, in both directions.
    """

    host = "127.0.0.1"

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.port = 0
        self.delay = 0.0
        self._target = (host, port)
        self._requests = asyncio.Event()
        self._answers = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.resume()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *args: object) -> None:
        if self._server is not None:
            self._server.close()
        self.resume()
        self.cut()
        while self._serving:
            await asyncio.wait(self._serving)

    def stall(self, *, only_answers: bool = False) -> None:
        """Pass nothing on any more; connections stand, and new ones are accepted.

        Args:
            only_answers: whether requests are passed on, so that the server does what was asked
                for, and the client does not hear of it.
        """
        self._answers.clear()
        if not only_answers:
            self._requests.clear()

    def resume(self) -> None:
        """Pass on what came since `stall`, and all that follows."""
        self._requests.set()
        self._answers.set()

    def cut(self) -> None:
        """Reset all connections. Bytes on their way are lost; new connections are accepted."""
        for writer in self._writers:
            with suppress(OSError):  # it is closed already
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        if serving is None:
            return
        self._serving.add(serving)
        try:
            await self._connect(reader, writer)
        finally:
            self._serving.discard(serving)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            server = await asyncio.open_connection(*self._target)
        except OSError:
            await self._close(writer)
            return
        self._writers.add(server[1])
        await asyncio.gather(
            self._pass_on(reader, server[1], self._requests),
            self._pass_on(server[0], writer, self._answers),
        )

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        """Pass on until one side hangs up; the other one hears of that when the gate is open."""
        try:
            while data := await self._read(reader):
                await gate.wait()
                await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
            await gate.wait()
        except OSError:
            pass
        finally:
            await self._close(writer)

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(65_536)
        except OSError:  # it was reset
            return b""

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
