"""Processor time of one workload in this process, or just its run; prints seconds and tasks.

    python benchmarks/programs/processor_time.py inmemory --count 2000 [--redis URL]

Uses only what old versions of ours have, too, so that `versions.py` can compare two of them.
"""

import argparse
import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from taskiq import AsyncBroker, InMemoryBroker
from taskiq.receiver import Receiver

TEXT = "The payload of each task: a number, and a text of some sixty letters."
AT_ONCE = 100


async def inmemory(count: int, url: str) -> float:
    """`kiq` and `wait_result`, one after the other."""
    del url
    broker = InMemoryBroker()
    task = echo(broker)

    async def work(times: int) -> None:
        for number in range(times):
            sent = await task.kiq(number, TEXT)
            await sent.wait_result()

    return await timed(broker, work, count)


async def redis_send(count: int, url: str) -> float:
    """`kiq`, a hundred at once."""
    from taskiq_redis import RedisBroker

    broker = RedisBroker(url)
    task = echo(broker)

    async def work(times: int) -> None:
        for first in range(0, times, AT_ONCE):
            await asyncio.gather(*(task.kiq(first + n, TEXT) for n in range(AT_ONCE)))

    return await timed(broker, work, count)


async def redis_drain(count: int, url: str) -> float:
    """Tasks run by a receiver, with results."""
    from taskiq_redis import RedisBroker

    return await drained(RedisBroker(url), count)


async def redis_drain_history(count: int, url: str) -> float:
    """The drain with history on, which not all versions have."""
    from taskiq_core.messages.history import HistoryOptions
    from taskiq_redis import RedisBroker

    return await drained(RedisBroker(url, history=HistoryOptions()), count)


async def sqlite_fetch(count: int, url: str) -> float:
    """Fetch and ack, each message by itself."""
    del url
    from taskiq_sqlite import SQLiteBroker

    with tempfile.TemporaryDirectory() as folder:
        broker = SQLiteBroker(Path(folder) / "tasks.db")
        task = echo(broker)
        for first in range(0, count + AT_ONCE, AT_ONCE):
            await asyncio.gather(*(task.kiq(first + n, TEXT) for n in range(AT_ONCE)))
        deliveries = broker.deliveries(slots(1))

        async def work(times: int) -> None:
            for _ in range(times):
                delivery = await anext(deliveries)
                await delivery.ack()

        taken = await timed(broker, work, count)
        await deliveries.aclose()
        return taken


async def sqlite_drain(count: int, url: str) -> float:
    """Tasks run by a receiver, with results."""
    del url
    from taskiq_sqlite import SQLiteBroker

    with tempfile.TemporaryDirectory() as folder:
        return await drained(SQLiteBroker(Path(folder) / "tasks.db"), count)


WORKLOADS = {
    each.__name__: each
    for each in (
        inmemory,
        redis_send,
        redis_drain,
        redis_drain_history,
        sqlite_fetch,
        sqlite_drain,
    )
}


def echo(broker: AsyncBroker) -> Any:
    @broker.task(task_name="echo")
    async def echo(number: int, text: str) -> int:
        del text
        return number

    return echo


def slots(limit: int) -> Any:
    try:
        from taskiq_core.messages.slots import Slots
    except ImportError:
        from taskiq_core.slots import Slots  # type: ignore[no-redef]  # where old versions have it
    return Slots(limit)


async def timed(broker: AsyncBroker, work: Callable[[int], Awaitable[None]], count: int) -> float:
    await broker.startup()
    await work(AT_ONCE)  # warm-up
    gc.collect()
    used = time.process_time()
    await work(count)
    used = time.process_time() - used
    await broker.shutdown()
    return used


async def drained(broker: AsyncBroker, count: int) -> float:
    """Fill a queue, and time the receiver that empties it."""
    finished = asyncio.Event()
    ran = 0

    @broker.task(task_name="count")
    async def task(number: int, text: str) -> int:
        del text
        nonlocal ran
        ran += 1
        if ran == count:
            finished.set()
        return number

    broker.is_worker_process = True
    await broker.startup()
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*(task.kiq(first + n, TEXT) for n in range(AT_ONCE)))
    gc.collect()
    used = time.process_time()
    await Receiver(broker, max_async_tasks=AT_ONCE, run_startup=False).listen(finished)
    used = time.process_time() - used
    await broker.shutdown()
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--redis", default="", help="URL of a server that may be used")
    options = parser.parse_args()
    used = asyncio.run(WORKLOADS[options.workload](options.count, options.redis))
    print(json.dumps({"seconds": used, "tasks": options.count}))


if __name__ == "__main__":
    main()
