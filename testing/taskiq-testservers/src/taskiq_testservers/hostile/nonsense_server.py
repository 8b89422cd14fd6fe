"""NonsenseServer: takes connections as Redis does, and answers whatever it likes."""

import asyncio
from random import Random
from typing import Self

ANSWERS = (
    b"+OK\r\n",
    b"$-1\r\n",
    b":1\r\n",
    b":9999999999999999999999999\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*3\r\n$1\r\na\r\n:1\r\n*1\r\n+x\r\n",
    b"*100000000\r\n",
    b"$1000000000000\r\n",
    b"$-5\r\n",
    b"$x\r\n",
    b"*1\r\n" * 5_000 + b"+deep\r\n",
    b"-ERR nonsense\r\n",
    b"-\xff\xfe\r\n",
    b"-NOSCRIPT\r\n",
    b"-MOVED 1 nowhere:70000\r\n",
    b"-LOADING\r\n",
    b"-READONLY\r\n",
    b"-OOM command\r\n",
    b"-WRONGTYPE\r\n",
    b"-" + b"x" * 100_000 + b"\r\n",
    b"$3\r\nabc",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"",
    b"\r\n",
    b"\x00" * 64,
    b"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
    b"_\r\n",
    b",nan\r\n",
    b"#t\r\n",
    b"=15\r\ntxt:Some string\r\n",
    b"(9" + b"9" * 10_000 + b"\r\n",
    b"~1\r\n+x\r\n",
    b">2\r\n+message\r\n+x\r\n",
    b"+PONG\r\n",
)


class NonsenseServer:
    """An async context manager.

    Args:
        port: to listen at.
        rng: chooses the answers.

    Attributes:
        answers: how many it gave.
    """

    def __init__(self, port: int, rng: Random) -> None:
        self.answers = 0
        self._port = port
        self._rng = rng
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *args: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                writer.write(self._answer())
                await writer.drain()
                if self._rng.random() < 0.2:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client or the test has left
        finally:
            writer.close()

    def _answer(self) -> bytes:
        self.answers += 1
        if self._rng.random() < 0.2:
            return self._rng.randbytes(self._rng.randrange(200))
        return b"".join(self._rng.choices(ANSWERS, k=self._rng.randint(1, 3)))
