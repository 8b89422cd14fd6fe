"""ReferenceServer: a store that brokers of any process and event loop can reach."""

import asyncio
import contextlib
from typing import Any, Self

from taskiq_core.exceptions import LeaseLostError, SendTaskError
from taskiq_testkit.reference.calls import GOT_IT, LONGEST, decode, encode, wrap
from taskiq_testkit.reference.store import Message, NewMessage, Store


class ReferenceServer:
    """Serves a store on a port of this machine, in the event loop that starts it.

    An async context manager. What is stored survives `restart`.

    Args:
        store: the queue.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        store.on_change = self._change

    @property
    def url(self) -> str:
        """What a ReferenceBroker is made from."""
        return f"reference://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, limit=LONGEST, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections, and listen no more."""
        if self._server is not None:
            self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def restart(self) -> None:
        """Stop and start, as a server does that is upgraded."""
        await self.stop()
        await self.start()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- one connection -----------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the client, or the server, is gone; asyncio would log it
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line:
            return  # it hung up
        method, args = decode(line)
        if method == "fetch":
            await self._fetch(reader, writer, *args)
            return
        if method == "aborted":
            await self._tell_aborts(reader, writer, *args)
            return
        try:
            arguments = [[NewMessage(*each) for each in args[0]]] if method == "send" else args
            answer = ("value", getattr(self.store, method)(*arguments))
        except (LeaseLostError, SendTaskError) as error:
            answer = wrap(error)
        writer.write(encode(answer))
        await writer.drain()

    async def _fetch(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int
    ) -> None:
        answered = asyncio.ensure_future(reader.readline())
        taken: list[Message] = []
        try:
            while not (taken := self.store.fetch(limit)):
                await self._something_new({answered}, self.store.next_event())
                if answered.done():
                    return  # it hung up
            writer.write(encode(("value", taken)))
            await writer.drain()
            if await answered == GOT_IT:
                taken = []
        finally:
            answered.cancel()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.wait({answered})
            for message in taken:
                self.store.unfetch(message.number, message.fence or 0)

    async def _tell_aborts(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: list[str]
    ) -> None:
        hung_up = asyncio.ensure_future(reader.readline())
        try:
            while not (news := [each for each in self.store.aborted() if each not in known]):
                await self._something_new({hung_up}, None)
                if hung_up.done():
                    return
            writer.write(encode(("value", news)))
            await writer.drain()
        finally:
            hung_up.cancel()

    async def _something_new(
        self, or_else: set[asyncio.Future[Any]], seconds: float | None
    ) -> None:
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                {changed, *or_else}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()
