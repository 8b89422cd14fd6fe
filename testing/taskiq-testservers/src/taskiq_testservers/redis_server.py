"""Private Redis servers on free ports, which tests may kill, pause and fill."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

PATIENCE = 20.0


HIGHEST_PORT = 55_535
"""Nodes of a cluster talk to each other at the port ten thousand above their own."""


def find_free_port() -> int:
    """A port of this machine that nobody listens to."""
    for _ in range(1_000):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port <= HIGHEST_PORT:
            return port
    raise AssertionError(f"no port up to {HIGHEST_PORT} is free")


class RedisServer:
    """A server with an append-only file; an async context manager.

    Args:
        folder: where its files are.
        options: for its command line.
        config: of a sentinel; a file, which it rewrites.
    """

    def __init__(self, folder: Path, *options: str, config: Path | None = None) -> None:
        self.port = find_free_port()
        self._folder = folder
        self._options = options
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server says of itself."""
        return self._folder / f"{self.port}.log"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.kill()

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = shutil.which("redis-server")
        assert binary is not None, "redis-server is not on this machine: install it"
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._config is not None:
            command = [binary, str(self._config), "--port", str(self.port), "--sentinel"]
        else:
            command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
            command += ["--appendonly", "yes", "--appendfsync", "always"]
            command += ["--dir", str(self._folder)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options], stdout=log)
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110  # a process has no event
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Kill it and start it again, on the same port and with the same files."""
        self.kill()
        await self.start()

    def pause(self) -> None:
        """It does not answer any more, and its connections stand."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    async def say(self, *command: str) -> str:
        """Run redis-cli, and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            "redis-cli", "-p", str(self.port), *command, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        return output.decode()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"+PONG")
        finally:
            writer.close()
