"""TcpProxy: connections that are cut, delayed and stalled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from taskiq_testkit import TcpProxy


class EchoServer:
    """Answers each line with the same line."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.got_line = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                self.lines.append(line)
                self.got_line.set()
                writer.write(line)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[EchoServer]:
    echo = EchoServer()
    listening = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = listening.sockets[0].getsockname()[1]
    yield echo
    listening.close()


@pytest.fixture
async def proxy(server: EchoServer) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(server.port) as proxy:
        yield proxy


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def client(proxy: TcpProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    yield reader, writer
    writer.close()


async def test_bytes_are_passed_on_in_both_directions(client: Client) -> None:
    reader, writer = client

    writer.write(b"hello\n")

    assert await reader.readline() == b"hello\n"


async def test_delayed_bytes_come_later(proxy: TcpProxy, client: Client) -> None:
    reader, writer = client
    proxy.delay = 0.1
    began_at = asyncio.get_running_loop().time()

    writer.write(b"slow\n")

    assert await reader.readline() == b"slow\n"
    assert asyncio.get_running_loop().time() - began_at >= 0.19  # there and back


async def test_stalled_connection_says_nothing_until_it_goes_on(
    proxy: TcpProxy, server: EchoServer, client: Client
) -> None:
    reader, writer = client
    proxy.stall()
    writer.write(b"kept\n")
    answer = asyncio.create_task(reader.readline())

    await asyncio.wait({answer}, timeout=0.1)

    assert (answer.done(), server.lines) == (False, [])
    proxy.resume()
    assert await answer == b"kept\n"


async def test_answers_alone_can_be_stalled(
    proxy: TcpProxy, server: EchoServer, client: Client
) -> None:
    reader, writer = client
    proxy.stall(only_answers=True)

    writer.write(b"done\n")

    await server.got_line.wait()
    answer = asyncio.create_task(reader.readline())
    await asyncio.wait({answer}, timeout=0.1)
    assert not answer.done()
    proxy.resume()
    assert await answer == b"done\n"


async def test_cut_connections_are_reset_and_new_ones_accepted(
    proxy: TcpProxy, client: Client
) -> None:
    reader, writer = client
    writer.write(b"before\n")
    assert await reader.readline() == b"before\n"

    proxy.cut()

    with pytest.raises(ConnectionResetError):
        await reader.readline()
    again, new = await asyncio.open_connection(proxy.host, proxy.port)
    new.write(b"after\n")
    assert await again.readline() == b"after\n"
    new.close()


async def test_server_that_is_down_is_a_closed_connection(unused_tcp_port: int) -> None:
    async with TcpProxy(unused_tcp_port) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)

        assert await reader.read() == b""

        writer.close()
