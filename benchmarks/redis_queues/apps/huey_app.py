"""huey: threads, processes or greenlets that pop from a list; a task is gone when it was popped."""

import tally

if tally.CONCURRENCY > 100:  # with greenlets, its docs say
    from gevent import monkey

    monkey.patch_all()

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from huey import RedisHuey
from huey.api import Result

huey = RedisHuey(url=tally.URL, results=tally.KEEPS_RESULTS, notify_result=True)


@huey.task()
def work(number: int, text: str) -> int:
    return tally.work(number)


@huey.task()
def nap() -> None:
    tally.nap_in_thread()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    yield


async def send(number: int) -> Result:
    return work(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    for number in range(count):
        if name == "nap":
            nap()
        else:
            work(number, tally.TEXT)


async def result_of(result: Result) -> int:
    return result.get(blocking=True)
