"""taskiq 0.13 with its Redis plugin."""

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
    if name == "nap":
        await tally.gathered(lambda _: nap.kiq(), count)
    else:
        await tally.gathered(lambda number: work.kiq(number, tally.TEXT), count)


async def result_of(task: AsyncTaskiqTask[int]) -> int:
    return (await task.wait_result(check_interval=0)).return_value
