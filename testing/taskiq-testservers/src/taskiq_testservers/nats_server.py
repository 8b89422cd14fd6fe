"""Private NATS servers with JetStream on free ports, which tests may kill and pause."""

import asyncio
import os
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path
from typing import Self

from taskiq_testservers.redis_server import PATIENCE, find_free_port


class NatsServer:
    """A server that keeps its streams in a folder; an async context manager.

    Args:
        folder: where its files are.
        options: for its command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = find_free_port()
        self._folder = folder
        self._options = options
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server says of itself."""
        return self._folder / f"{self.port}.log"

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def new_queue_url(self) -> str:
        """The URL of a queue that no other test has."""
        return f"{self.url}?queue_name=test-{os.getpid()}-{next(self._numbers)}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.kill()

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert binary is not None, "nats-server is not on this machine: install it"
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [binary, "-a", "127.0.0.1", "-p", str(self.port), "-js"]
        command += ["-sd", str(self._folder / "jetstream"), *self._options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
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

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO")
        finally:
            writer.close()
