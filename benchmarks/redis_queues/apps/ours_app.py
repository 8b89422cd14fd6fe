"""taskiq of this repository: acknowledged, leased, durable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally

from taskiq import AsyncTaskiqTask
from taskiq_redis import ListQueueBroker, RedisBroker

broker = RedisBroker(tally.URL) if tally.KEEPS_RESULTS else ListQueueBroker(tally.URL)


@broker.task
async def work(number: int, text: str) -> int:
    return tally.work(number)


@broker.task
async def nap() -> None:
    await tally.nap()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    async with broker:
        yield


async def send(number: int) -> AsyncTaskiqTask[int]:
    return await work.kiq(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    for first in range(0, count, 1000):
        numbers = range(first, min(first + 1000, count))
        await asyncio.gather(
            *(nap.kiq() if name == "nap" else work.kiq(each, tally.TEXT) for each in numbers)
        )


async def result_of(task: AsyncTaskiqTask[int]) -> int:
    return (await task.wait_result()).return_value
