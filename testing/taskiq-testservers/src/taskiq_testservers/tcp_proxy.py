"""A TCP proxy that loses connections, or lets them stand, when a test wants it."""

import asyncio
from typing import Self

from taskiq_testservers.commands import find_free_port


class TcpProxy:
    """Passes bytes on between its own port and that of a server; an async context manager.

    Args:
        target: the server's port on this machine; it may be down for a while.
    """

    def __init__(self, target: int) -> None:
        self.port = find_free_port()
        self._target = target
        self._requests = asyncio.Event()
        self._answers = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.go_on()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *args: object) -> None:
        if self._server is not None:
            self._server.close()
        self.go_on()
        self.drop()
        while self._serving:
            await asyncio.wait(self._serving)

    def pause(self, *, only_answers: bool = False) -> None:
        """Nothing is passed on any more; connections stand, and new ones are taken.

        Args:
            only_answers: requests are passed on, so that they are done and nobody hears of it.
        """
        self._answers.clear()
        if not only_answers:
            self._requests.clear()

    def go_on(self) -> None:
        """Pass on what came meanwhile, also of those who have given up, and all that follows."""
        self._requests.set()
        self._answers.set()

    def drop(self) -> None:
        """Reset all connections; what is on its way in them is lost."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        try:
            await self._connect(reader, writer)
        finally:
            self._serving.discard(serving)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            server = await asyncio.open_connection("127.0.0.1", self._target)
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
        """Pass on until one side hangs up; the other one hears of that, but not during a pause."""
        try:
            while data := await self._read(reader):
                await gate.wait()
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
