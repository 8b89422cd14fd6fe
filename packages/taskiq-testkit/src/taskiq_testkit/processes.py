"""Workers in processes of their own, which a test can kill."""

import asyncio
import base64
import json
import os
import pickle
import sys
from dataclasses import dataclass
from typing import Any

from taskiq_testkit.deadline import within
from taskiq_testkit.errors import WorkerProcessError


@dataclass(frozen=True, slots=True)
class BrokerFactory:
    """How a process of its own makes a broker for a worker of the queue that is tested.

    Attributes:
        target: "module:function", or "module:Class.from_url"; the module must be importable there,
            with the same `sys.path` as here. The function may be async.
        config: its one argument, which pickle can carry: a URL, most often.
    """

    target: str
    config: object


class WorkerProcess:
    """A process that takes deliveries, and holds them until it is killed."""

    def __init__(
        self, factory: BrokerFactory, process: asyncio.subprocess.Process, patience: float
    ) -> None:
        self._factory = factory
        self._process = process
        self._patience = patience

    @classmethod
    async def spawn(cls, factory: BrokerFactory, *, slots: int, patience: float) -> "WorkerProcess":
        """Start a process.

        Args:
            factory: makes its broker there.
            slots: how many deliveries it may hold.
            patience: how long to wait for each of its lines, in seconds.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "taskiq_testkit.worker_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        job = pickle.dumps((factory.target, factory.config, slots))
        if process.stdin is not None:
            process.stdin.write(base64.b64encode(job) + b"\n")
            await process.stdin.drain()
        return cls(factory, process, patience)

    async def ready(self) -> None:
        """Wait until it listens, so that its start takes nothing from the test's patience."""
        await self._say("ready")

    async def took(self) -> dict[str, Any]:
        """Wait until it has a delivery; its task id, attempt and so on."""
        return await self._say("took")

    async def kill(self) -> None:
        """SIGKILL it, and wait until it is gone."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _say(self, word: str) -> dict[str, Any]:
        if self._process.stdout is None:
            raise AssertionError("the process was started with a pipe")
        # Starting Python takes long on a busy machine, and is not what is tested.
        async with within(3 * self._patience, f"{word!r} of a worker process"):
            line = await self._process.stdout.readline()
        if not line:
            exitcode = await self._process.wait()
            raise WorkerProcessError(target=self._factory.target, exitcode=exitcode)
        said: dict[str, Any] = json.loads(line)
        if said["event"] != word:
            raise AssertionError(f"the worker process said {said}, where {word!r} was expected")
        return said
