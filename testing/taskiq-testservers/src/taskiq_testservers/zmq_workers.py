"""Clients and workers of the tests: in the event loop, and in processes of their own."""

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from taskiq_core.receiver import Receiver
from taskiq_zmq import Heartbeats, ZeroMQBroker

SCRIPT = Path(__file__).with_name("zmq_worker_process.py")
QUICK = Heartbeats(interval=0.1, timeout=0.4)


class WorkerInLoop:
    """A worker broker and its receiver, in the test's event loop."""

    def __init__(self, broker: ZeroMQBroker, max_async_tasks: int) -> None:
        self.broker = broker
        self._finish = asyncio.Event()
        self._receiver = Receiver(broker, max_async_tasks=max_async_tasks, wait_tasks_timeout=5)
        self._listening = asyncio.create_task(self._receiver.listen(self._finish))

    async def stop(self) -> None:
        """What the worker command does on SIGTERM."""
        self._finish.set()
        await self._listening
        await self.broker.shutdown()


class WorkerProcess:
    """`zmq_worker_process.py`, running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


MakeClient = Callable[..., Awaitable[ZeroMQBroker]]
MakeWorker = Callable[..., WorkerInLoop]
SpawnWorker = Callable[..., WorkerProcess]


def on_loopback(address: str = "tcp://127.0.0.1:0", **options: Any) -> ZeroMQBroker:
    options.setdefault("linger", 0.0)
    return ZeroMQBroker(address, **options)


async def connected(client: ZeroMQBroker, count: int) -> None:
    """Wait until a client has so many workers."""
    while await client.worker_count() != count:  # noqa: ASYNC110  # counts have no event
        await asyncio.sleep(0.005)


async def settled(client: ZeroMQBroker) -> None:
    """Wait until a client has nothing under way."""
    while True:
        stats = await client.stats()
        if not stats.waiting + stats.delivered + stats.delayed:
            return
        await asyncio.sleep(0.005)
