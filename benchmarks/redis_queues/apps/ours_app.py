"""taskiq of this repository: acknowledged, leased, durable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally

from taskiq import AsyncTaskiqTask
from taskiq_core.messages.history import HistoryOptions
from taskiq_redis import ListQueueBroker, RedisBroker

history = HistoryOptions() if tally.KEEPS_HISTORY else None
broker = (
    RedisBroker(tally.URL, history=history) if tally.KEEPS_RESULTS else ListQueueBroker(tally.URL)
)


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
    if name == "nap":
        await tally.gathered(lambda _: nap.kiq(), count)
    else:
        await tally.gathered(lambda number: work.kiq(number, tally.TEXT), count)


async def result_of(task: AsyncTaskiqTask[int]) -> int:
    return (await task.wait_result()).return_value
