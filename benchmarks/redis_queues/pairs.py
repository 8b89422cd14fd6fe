"""Our connection and broker beside raw commands, in pairs: one process, one event loop, in turns.

    python benchmarks/redis_queues/pairs.py [--rounds 30] [--loop uvloop] [--only ping kiq]

For calls the raw side is a bare `asyncio.Protocol` that feeds hiredis, with a future for each
reply. For drains it is a pipeline of redis-py with a hundred pops, each with a result that is set.
The sides of a pair take turns, so that both meet the same noise. A ratio is our median divided by
the raw one: of the time that one takes, and of the time of processors, the server's among them,
which other programs disturb less.
"""

import argparse
import asyncio
import gc
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from hiredis import Reader, pack_command
from redis import Redis
from rig import RedisServer, redis_server

from taskiq_core.broker import AsyncBroker
from taskiq_core.receiver import Receiver
from taskiq_redis import ListQueueBroker, RedisBroker
from taskiq_redis.storage.connection import PipelinedConnection
from taskiq_redis.storage.servers import SingleServer

TEXT = "The payload of each task: a number, and a text of some sixty letters."
MESSAGE = b"x" * 300
CALLS, AT_ONCE = 300, 100
TASKS, BATCH = 4_000, 100

Side = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Filled:
    """A side that needs a full queue; filling it is not timed."""

    run: Side
    fill: Side

    def __call__(self) -> Awaitable[None]:
        return self.run()


class RawConnection(asyncio.Protocol):
    """As little as can stand between a socket and a caller."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._awaited: deque[asyncio.Future[Any]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._awaited.popleft().set_result(reply)

    def call(self, *command: Any) -> "asyncio.Future[Any]":
        """Send a command; the future is its reply."""
        reply = asyncio.get_running_loop().create_future()
        self._awaited.append(reply)
        self.transport.write(pack_command(command))
        return reply


async def raw_connection(server: RedisServer) -> RawConnection:
    loop = asyncio.get_running_loop()
    _, raw = await loop.create_connection(RawConnection, "127.0.0.1", server.port)
    return raw


# --- pairs ----------------------------------------------------------------------------------------


@asynccontextmanager
async def ping(server: RedisServer) -> AsyncIterator[tuple[Side, Side]]:
    """A PING, one after the other."""
    raw = await raw_connection(server)
    connection = PipelinedConnection(SingleServer(server.url), "", timeout=10.0)

    async def floor() -> None:
        for _ in range(CALLS):
            await raw.call("PING")

    async def ours() -> None:
        for _ in range(CALLS):
            await connection.call("PING")

    yield floor, ours
    await connection.close()
    raw.transport.close()


@asynccontextmanager
async def pings_at_once(server: RedisServer) -> AsyncIterator[tuple[Side, Side]]:
    """A hundred PINGs of one turn of the event loop."""
    raw = await raw_connection(server)
    connection = PipelinedConnection(SingleServer(server.url), "", timeout=10.0)

    async def raw_ping() -> None:
        await raw.call("PING")

    async def our_ping() -> None:
        await connection.call("PING")

    async def floor() -> None:
        for _ in range(CALLS // AT_ONCE):
            await asyncio.gather(*(raw_ping() for _ in range(AT_ONCE)))

    async def ours() -> None:
        for _ in range(CALLS // AT_ONCE):
            await asyncio.gather(*(our_ping() for _ in range(AT_ONCE)))

    yield floor, ours
    await connection.close()
    raw.transport.close()


@asynccontextmanager
async def kiq(server: RedisServer) -> AsyncIterator[tuple[Side, Side]]:
    """A task that is sent, beside an LPUSH of as many bytes."""
    server.empty()
    raw = await raw_connection(server)
    broker = RedisBroker(server.url)
    task = task_of(broker)
    await broker.startup()
    number = 0

    async def floor() -> None:
        for _ in range(CALLS):
            await raw.call("LPUSH", "raw", MESSAGE)

    async def ours() -> None:
        nonlocal number
        for _ in range(CALLS):
            number += 1
            await task.kiq(number, TEXT)

    yield floor, ours
    await broker.shutdown()
    raw.transport.close()


@asynccontextmanager
async def drain(server: RedisServer) -> AsyncIterator[tuple[Side, Side]]:
    """Tasks run without results, beside pops with a result set for each, a hundred at once."""
    async with _draining(server, ListQueueBroker(server.url)) as sides:
        yield sides


@asynccontextmanager
async def drain_results(server: RedisServer) -> AsyncIterator[tuple[Side, Side]]:
    """Tasks run with results, beside the same."""
    async with _draining(server, RedisBroker(server.url)) as sides:
        yield sides


@asynccontextmanager
async def _draining(server: RedisServer, broker: AsyncBroker) -> AsyncIterator[tuple[Side, Side]]:
    server.empty()
    client = Redis.from_url(server.url)
    tasks = CountedTasks(broker)
    broker.is_worker_process = True
    await broker.startup()

    async def floor() -> None:
        for first in range(0, TASKS, BATCH):
            pipeline = client.pipeline(transaction=False)
            for number in range(first, first + BATCH):
                pipeline.lpop("raw")
                pipeline.set(f"result:{number}", MESSAGE, ex=3600)
            pipeline.execute()

    async def fill_raw() -> None:
        client.rpush("raw", *[MESSAGE] * TASKS)

    yield Filled(floor, fill_raw), Filled(tasks.run, tasks.send)
    await broker.shutdown()
    client.close()


class CountedTasks:
    """Tasks that end the receiver when all of them have run."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._task = broker.register_task(self._work, "work")
        self._finish = asyncio.Event()
        self._ran = 0

    async def _work(self, number: int, text: str) -> int:
        del text
        self._ran += 1
        if self._ran == TASKS:
            self._finish.set()
        return number

    async def send(self) -> None:
        """Put them into the queue."""
        self._ran = 0
        self._finish.clear()
        for first in range(0, TASKS, 1000):
            await asyncio.gather(*(self._task.kiq(first + n, TEXT) for n in range(1000)))

    async def run(self) -> None:
        """Run them."""
        await Receiver(self._broker, max_async_tasks=100).listen(self._finish)


PAIRS = {
    "ping": (ping, CALLS, 1.15),
    "pings_at_once": (pings_at_once, CALLS, None),
    "kiq": (kiq, CALLS, 1.5),
    "drain": (drain, TASKS, 1 / 0.6),
    "drain_results": (drain_results, TASKS, 1 / 0.4),
}


def task_of(broker: AsyncBroker) -> Any:
    @broker.task(task_name="work")
    async def work(number: int, text: str) -> int:
        del text
        return number

    return work


# --- measuring ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Samples:
    """Seconds of each round of a side: how long it took, and of processors, the server's too."""

    taken: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)


def processor_seconds(client: Any) -> float:
    """Seconds that this process and the server have used."""
    usage = client.info("cpu")
    return time.process_time() + float(usage["used_cpu_user"] + usage["used_cpu_sys"])


async def measure(name: str, server: RedisServer, rounds: int) -> None:
    pair, count, target = PAIRS[name]
    samples = (Samples(), Samples())
    client = Redis(port=server.port)
    async with pair(server) as sides:
        for turn in range(rounds + 1):
            for which in (0, 1) if turn % 2 else (1, 0):
                await take(sides[which], samples[which], client)
    client.close()
    raw, ours = (median(each.taken[1:]) / count * 1e6 for each in samples)
    used_raw, used = (median(each.used[1:]) / count * 1e6 for each in samples)
    wanted = "" if target is None else f"{target:9.2f}"
    columns = (
        f"{raw:9.1f}{ours:9.1f}{ours / raw:8.2f}{used_raw:9.1f}{used:9.1f}{used / used_raw:8.2f}"
    )
    print(f"{name:16}{columns}{wanted}", flush=True)


async def take(side: Side, samples: Samples, client: Any) -> None:
    if isinstance(side, Filled):
        await side.fill()
    gc.collect()
    used, begin = processor_seconds(client), time.perf_counter()
    await side()
    samples.taken.append(time.perf_counter() - begin)
    samples.used.append(processor_seconds(client) - used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    parser.add_argument("--only", nargs="+", choices=PAIRS, default=list(PAIRS))
    options = parser.parse_args()
    factory = None
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    titles = ("raw, us", "ours, us", "ratio", "raw cpu", "ours cpu", "ratio", "at most")
    widths = (9, 9, 8, 9, 9, 8, 9)
    columns = "".join(f"{title:>{width}}" for title, width in zip(titles, widths, strict=True))
    print(f"{options.loop:16}{columns}")
    with redis_server() as server:
        for name in options.only:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(measure(name, server, options.rounds))


if __name__ == "__main__":
    main()
