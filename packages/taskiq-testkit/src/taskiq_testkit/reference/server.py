"""ReferenceServer: a store that brokers of any process and event loop can reach."""

import asyncio
from operator import attrgetter
from typing import Any, Self

from taskiq_core.exceptions import LeaseLostError, SendTaskError
from taskiq_core.messages.message_info import MessageFilter, MessageState
from taskiq_testkit.reference.calls import LONGEST, decode, encode, wrap
from taskiq_testkit.reference.messages import NewMessage
from taskiq_testkit.reference.store import Store


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
        self._changes = 0
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
            loop = asyncio.get_running_loop()
            for socket in self._server.sockets:
                loop.remove_reader(socket.fileno())
            # CPython loses the transport of a connection that it has accepted, and not yet handed
            # over, when the server is closed: let those be handed over first.
            for _ in range(3):
                await asyncio.sleep(0)
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
        self._changes += 1
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
        if method == "wait":
            await self._wait(reader, writer, *args)
            return
        if method == "aborted":
            await self._tell_aborts(reader, writer, *args)
            return
        try:
            answer = ("value", self._do(method, args))
        except (LeaseLostError, SendTaskError) as error:
            answer = wrap(error)
        writer.write(encode(answer))
        await writer.drain()

    def _do(self, method: str, args: list[Any]) -> object:
        if method == "send":
            self.store.send([NewMessage(*each) for each in args[0]])
            return None
        if method == "fetch":
            changes = self._changes  # before the fetch: what changes later is to end a wait
            limit, queues, owner = args
            messages = self.store.fetch(limit, queues, owner)
            return messages, self.store.next_event(queues), changes
        if method == "list_messages":
            state, queue, after, limit, where, with_body = args
            return self.store.list_messages(
                MessageState(state),
                queue,
                after=None if after is None else tuple(after),
                limit=limit,
                where=MessageFilter(*where),
                with_body=with_body,
            )
        done: object = attrgetter(method)(self.store)(*args)
        return done

    async def _wait(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: int, seconds: float
    ) -> None:
        hung_up = asyncio.ensure_future(reader.readline())
        try:
            if self._changes == known:
                await self._something_new({hung_up}, seconds)
            if not hung_up.done():
                writer.write(encode(("value", None)))
                await writer.drain()
        finally:
            hung_up.cancel()

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
