"""What each queue's program measures of it, in one process."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Protocol

WARM = 0.1
"""Part of the tasks that are done before the time is taken."""
ROUND_TRIPS = 200


class Drain:
    """Counts tasks that were run, and takes the time of all but the first."""

    def __init__(self) -> None:
        self.expected = 0
        self.count = 0
        self.ran = asyncio.Event()
        self.ended = asyncio.Event()
        self._began = 0.0
        self._first = 0
        self.rate = 0.0

    def done(self) -> None:
        """Count a task."""
        self.count += 1
        self.ran.set()
        if not self._began and self.count >= WARM * self.expected:
            self._began, self._first = time.perf_counter(), self.count
        if self.count == self.expected:
            self.rate = (self.count - self._first) / (time.perf_counter() - self._began)
            self.ended.set()


class Queue(Protocol):
    """A queue, by its own means."""

    async def open(self) -> None:
        """Connect; make the tables."""

    async def send(self, count: int) -> None:
        """Send tasks one by one."""

    async def send_many(self, count: int) -> None:
        """Send tasks as fast as its documentation says."""

    async def work(self) -> None:
        """Run tasks until it is cancelled."""

    async def round_trip(self) -> None:
        """Send a task, and wait until it has ended, while a worker is idle."""


async def measure(queue: Queue, drain: Drain, arguments: Sequence[str]) -> None:
    """Print one number."""
    name, count = arguments[0], int(arguments[1])
    await queue.open()
    begin = time.perf_counter()
    if name == "send":
        await queue.send(count)
        print(count / (time.perf_counter() - begin))
    elif name == "bulk":
        await queue.send_many(count)
        print(count / (time.perf_counter() - begin))
    elif name == "drain":
        drain.expected = count
        await queue.send_many(count)
        working = asyncio.create_task(queue.work())
        await drain.ended.wait()
        print(drain.rate)
        working.cancel()
        await asyncio.wait({working})
    else:
        working = asyncio.create_task(queue.work())
        times = []
        for _ in range(ROUND_TRIPS):
            await asyncio.sleep(0.005)
            begin = time.perf_counter()
            await queue.round_trip()
            times.append(1000 * (time.perf_counter() - begin))
        print(statistics.median(times[10:]))
        working.cancel()
        await asyncio.wait({working})
