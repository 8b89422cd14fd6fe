"""RedisProtocol: what a server may do to a connection, said by one that follows a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio.connection import AbstractConnection

from taskiq_redis.errors import RedisCommandError, RedisTimeoutError, RedisUnreachableError
from taskiq_redis.storage.connection import PipelinedConnection
from taskiq_redis.storage.pubsub import MAX_UNREAD, Subscription
from taskiq_redis.storage.servers import SingleServer
from taskiq_testservers.redis_server import PATIENCE

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"+OK\r\n"


@asynccontextmanager
async def acting(act: Act) -> AsyncIterator[SingleServer]:
    """A server that lets redis-py log in, and then acts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await act(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        # Without a name for the library and its version, redis-py sends nothing of its own.
        yield SingleServer(f"redis://127.0.0.1:{port}", driver_info=None)
    finally:
        server.close()


async def read_command(reader: asyncio.StreamReader) -> list[bytes]:
    count = int((await reader.readuntil(b"\r\n"))[1:])
    parts = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        parts.append((await reader.readexactly(size + 2))[:-2])
    return parts


def answering(*replies: bytes) -> Act:
    """Answer commands in turn, in pieces of a few bytes; then be silent."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await read_command(reader)
            for first in range(0, len(reply), 3):
                writer.write(reply[first : first + 3])
                await writer.drain()
                await asyncio.sleep(0)
        await reader.read()

    return act


@asynccontextmanager
async def connected(act: Act, *, timeout: float = PATIENCE) -> AsyncIterator[PipelinedConnection]:
    async with acting(act) as server:
        connection = PipelinedConnection(server, "", timeout=timeout)
        try:
            yield connection
        finally:
            await connection.close()


async def test_replies_that_are_not_text_go_to_their_callers() -> None:
    """A value, an error and a status that are not UTF-8 do not shift the replies behind them."""
    replies = [
        b"$3\r\n\xff\xfe\x00\r\n",
        b"-ERR \xff\xfe\r\n",
        b"+\xff\r\n",
        b"*1\r\n$1\r\n\xfe\r\n",
        OK,
    ]

    async with connected(answering(*replies)) as connection:
        calls = [connection.call("GET", f"{number}") for number in range(5)]
        first, refused, third, fourth, last = await asyncio.gather(*calls, return_exceptions=True)

    assert (first, third, fourth, last) == (b"\xff\xfe\x00", b"\xff", [b"\xfe"], b"OK")
    assert isinstance(refused, RedisCommandError)


async def test_a_cancelled_caller_disturbs_no_other() -> None:
    """Its reply comes, and is dropped."""
    async with connected(answering(b"+a\r\n", b"+b\r\n", b"+c\r\n")) as connection:
        await asyncio.wait({asyncio.ensure_future(connection.call("PING"))})
        gone = asyncio.ensure_future(connection.call("GET", "b"))
        stays = asyncio.ensure_future(connection.call("GET", "c"))
        await asyncio.sleep(0)

        gone.cancel()

        assert await stays == b"c"
        assert gone.cancelled()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(b"HTTP/1.1 400\r\n", "Protocol error", id="another protocol"),
        pytest.param(b"-LOADING it reads its file\r\n", "reads its file", id="loading"),
    ],
)
async def test_a_connection_that_can_not_be_trusted_is_left(reply: bytes, reason: str) -> None:
    """The callers of the same turn fail, and the next call has a new connection."""
    replies = iter([answering(OK, reply), answering(OK)])

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(replies)(reader, writer)

    async with connected(act) as connection:
        assert await connection.call("PING") == b"OK"
        outcomes = await asyncio.gather(
            *(connection.call("GET", f"{number}") for number in range(3)), return_exceptions=True
        )

        errors = [each for each in outcomes if isinstance(each, RedisUnreachableError)]
        assert len(errors) >= 2
        assert reason in str(errors[-1])
        assert await connection.call("PING") == b"OK"


async def test_a_reply_to_no_command_ends_the_connection() -> None:
    """Otherwise it would be that of the next command."""
    ended = asyncio.Event()

    async def first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(b"+first\r\n+first\r\n")(reader, writer)
        ended.set()

    acts = iter([first, answering(b"+second\r\n")])

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(acts)(reader, writer)

    async with connected(act) as connection, asyncio.timeout(PATIENCE):
        assert await connection.call("PING") == b"first"
        await ended.wait()
        assert await connection.call("PING") == b"second"


async def test_replies_behind_one_of_another_place_reach_their_callers() -> None:
    """Each says whether its command ran; a command that did not run is sent again."""
    moved = b"-MOVED 1 127.0.0.1:1\r\n"
    acts = iter([answering(OK, moved, b"+ran\r\n", moved), answering(*[b"+there\r\n"] * 2)])

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(acts)(reader, writer)

    async with connected(act) as connection, asyncio.timeout(PATIENCE):
        await connection.call("PING")
        replies = await asyncio.gather(*(connection.call("GET", f"{n}") for n in range(3)))

    assert replies == [b"there", b"ran", b"there"]


async def test_a_server_that_has_spoken_before_it_was_asked_is_refused() -> None:
    """Otherwise each caller would get the reply of the one before it."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+sur")
        await reader.read()

    class Slow(SingleServer):
        async def connect(self, key: str) -> AbstractConnection:
            connection = await super().connect(key)
            while not await connection.can_read():  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0)
            return connection

    async with acting(act) as server:
        slow = Slow(f"redis://{server.address}", driver_info=None)
        connection = PipelinedConnection(slow, "", timeout=PATIENCE)
        with pytest.raises(RedisUnreachableError):
            await connection.call("PING")
        await connection.close()


async def test_the_end_of_a_connection_wakes_all_who_wait() -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await read_command(reader)
        writer.transport.abort()

    async with connected(act) as connection, asyncio.timeout(PATIENCE):
        outcomes = await asyncio.gather(
            *(connection.call("GET", f"{number}") for number in range(3)), return_exceptions=True
        )

    assert {type(each) for each in outcomes} == {RedisUnreachableError}


async def test_a_server_that_does_not_read_is_given_up() -> None:
    """More is written than the system buffers; it waits here, and fails with the connection."""
    done = asyncio.Event()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await done.wait()

    async with connected(act, timeout=0.5) as connection, asyncio.timeout(PATIENCE):
        outcomes = await asyncio.gather(
            *(connection.call("SET", "key", b"x" * 2**20) for _ in range(30)),
            return_exceptions=True,
        )
        done.set()

    assert {type(each) for each in outcomes} == {RedisTimeoutError}


async def test_more_than_the_system_buffers_arrives_in_order() -> None:
    """The server reads slowly: commands are held back and written when it has read."""
    count, seen = 40, []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(count):
            seen.append((await read_command(reader))[1])
            await asyncio.sleep(0.002)
            writer.write(b":%d\r\n" % len(seen))

    async with connected(act) as connection, asyncio.timeout(PATIENCE):
        calls = (connection.call("SET", f"{n}", b"x" * 2**18) for n in range(count))
        replies = await asyncio.gather(*calls)

    assert seen == [b"%d" % number for number in range(count)]
    assert replies == list(range(1, count + 1))


async def test_a_subscription_reads_no_more_than_its_reader() -> None:
    """What is published to a reader who is busy waits in the server, not in this process."""
    message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$65536\r\n" + b"x" * 65536 + b"\r\n"
    count, written = 400, 0

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_command(reader)
        writer.write(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        for _ in range(count):
            writer.write(message)
            await writer.drain()
            written += 1
        await reader.read()

    async with (
        asyncio.timeout(PATIENCE),
        acting(act) as server,
        Subscription(server, "c", timeout=PATIENCE) as subscription,
    ):
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.1)
        stopped_at = written
        received = 0
        async for _, data in subscription:
            received += len(data or b"")
            if received == count * MAX_UNREAD:
                break

    assert stopped_at < count
    assert received == count * 65536


async def test_a_silent_subscription_is_pinged_and_then_given_up() -> None:
    pings = 0

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pings
        await read_command(reader)
        writer.write(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        while (await read_command(reader))[0] == b"PING":
            pings += 1
            if pings < 3:
                writer.write(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")

    async with (
        asyncio.timeout(PATIENCE),
        acting(act) as server,
        Subscription(server, "c", timeout=0.1) as subscription,
    ):
        with pytest.raises(RedisTimeoutError):
            async for _ in subscription:
                pass

    assert pings == 3
