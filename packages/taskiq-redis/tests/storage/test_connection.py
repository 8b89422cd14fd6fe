"""PipelinedConnection: callers do not disturb each other, and a lost connection is noticed."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from redis.asyncio.connection import AbstractConnection

from taskiq_redis.errors import RedisUnreachableError
from taskiq_redis.storage.connection import PipelinedConnection
from taskiq_redis.storage.servers import SingleServer
from taskiq_testservers.redis_server import PATIENCE, RedisServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path / "redis", "--enable-debug-command", "yes") as server:
        yield server


@pytest.fixture
async def connection(server: RedisServer) -> AsyncIterator[PipelinedConnection]:
    connection = PipelinedConnection(SingleServer(server.url), "", timeout=1.0)
    yield connection
    await connection.close()


async def test_what_can_not_be_packed_is_an_error_of_its_caller_alone(
    connection: PipelinedConnection,
) -> None:
    """Other callers of the same turn of the event loop get their own replies."""
    calls = [connection.call("ECHO", text) for text in ("one", "\udcff", "two")]

    one, refused, two = await asyncio.gather(*calls, return_exceptions=True)

    assert (one, two) == (b"one", b"two")
    assert isinstance(refused, UnicodeEncodeError)
    assert await connection.call("ECHO", "three") == b"three"


async def test_silence_before_a_command_does_not_count(
    connection: PipelinedConnection,
) -> None:
    """A command that is sent when the timer of an earlier one is about to end has its time."""
    await connection.call("PING")
    await asyncio.sleep(0.9)

    assert await connection.call("DEBUG", "SLEEP", 0.5) == b"OK"


async def test_the_end_of_one_connection_does_not_end_the_next(
    server: RedisServer, connection: PipelinedConnection
) -> None:
    for number in range(20):
        killing = asyncio.create_task(server.say("CLIENT", "KILL", "TYPE", "normal"))
        while not killing.done():
            try:
                text = f"{number}".encode()
                assert await connection.call("ECHO", text) == text
            except RedisUnreachableError:
                await asyncio.sleep(0)
        await killing

    assert await connection.call("ECHO", "last") == b"last"


class Unwilling(SingleServer):
    """Takes its time, and refuses."""

    def __init__(self) -> None:
        super().__init__("redis://localhost:1")
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def connect(self, key: str) -> AbstractConnection:
        self.asked += 1
        await self.may_answer.wait()
        raise RedisUnreachableError(address=self.address, reason="no")


async def test_all_callers_that_wait_for_a_connection_fail_at_once() -> None:
    """They do not try one after the other."""
    server = Unwilling()
    connection = PipelinedConnection(server, "", timeout=1.0)
    calls = [asyncio.create_task(connection.call("PING")) for _ in range(20)]
    await asyncio.sleep(0)

    server.may_answer.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(each) for each in outcomes} == {RedisUnreachableError}
    assert server.asked == 1


async def test_closing_ends_a_connection_that_is_being_opened() -> None:
    connection = PipelinedConnection(Unwilling(), "", timeout=1.0)
    call = asyncio.create_task(connection.call("PING"))
    await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE):
        await connection.close()
        with pytest.raises(RedisUnreachableError, match="was closed"):
            await call


async def test_a_master_that_became_a_replica_is_left(
    server: RedisServer, connection: PipelinedConnection
) -> None:
    """The command was not done: it is, on the next connection."""
    await connection.call("SET", "key", 1)
    await server.say("REPLICAOF", "127.0.0.1", "1")
    refused = asyncio.create_task(connection.call("SET", "key", 2))
    with pytest.raises(RedisUnreachableError, match="read only replica"):
        await refused

    await server.say("REPLICAOF", "NO", "ONE")

    assert await connection.call("SET", "key", 3) == b"OK"


async def test_a_server_that_ends_each_connection_at_once_is_an_error() -> None:
    """One attempt is made for a call, which would wait for ever otherwise."""
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        greeting = await reader.read(65_536)
        # A reply to each command, and one to no command.
        writer.write(b"+OK\r\n" * (greeting.count(b"CLIENT") + 1))
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connection = PipelinedConnection(SingleServer(url), "", timeout=1.0)

        with pytest.raises(RedisUnreachableError, match="lost as soon as it was open"):
            await asyncio.wait_for(connection.call("PING"), PATIENCE)
        await connection.close()

    assert opened == 1


async def test_attempt_that_fails_while_it_is_given_up_is_not_logged() -> None:
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    is_connecting = asyncio.Event()

    class Failing:
        connection_kwargs: Mapping[str, float] = {}

        def make_connection(self) -> "Failing":
            return self

        async def connect(self) -> None:
            is_connecting.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("connection reset") from None

        async def disconnect(self, *, nowait: bool) -> None: ...

    server = SingleServer("redis://localhost:1")
    server._pool = Failing()  # type: ignore[assignment]
    attempt = asyncio.create_task(server.connect(""))
    await is_connecting.wait()
    attempt.cancel()
    await asyncio.wait({attempt})
    del attempt
    gc.collect()

    assert complaints == []
