"""taskiq 0.13 with its Redis plugin."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally

from taskiq import AsyncTaskiqTask
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

broker = ListQueueBroker(tally.URL)
if tally.KEEPS_RESULTS:
    backend = RedisAsyncResultBackend(tally.URL, result_ex_time=86400)
    broker = broker.with_result_backend(backend)


@broker.task
async def work(number: int, text: str) -> int:
    return tally.work(number)


@broker.task
async def nap() -> None:
    await tally.nap()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def send(number: int) -> AsyncTaskiqTask[int]:
    return await work.kiq(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    for first in range(0, count, 1000):
        numbers = range(first, min(first + 1000, count))
        await asyncio.gather(
            *(nap.kiq() if name == "nap" else work.kiq(each, tally.TEXT) for each in numbers)
        )


async def result_of(task: AsyncTaskiqTask[int]) -> int:
    return (await task.wait_result(check_interval=0)).return_value
