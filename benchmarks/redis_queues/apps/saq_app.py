"""saq: jobs move between lists; results are waited for with a subscription."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally
import uvloop
from saq import Job, Queue

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
TTL = 600 if tally.KEEPS_RESULTS else -1
queue = Queue.from_url(tally.URL, max_concurrent_ops=100)


async def work(context: dict, *, number: int, text: str) -> int:
    return tally.work(number)


async def nap(context: dict) -> None:
    await tally.nap()


settings = {"queue": queue, "functions": [work, nap], "concurrency": tally.CONCURRENCY}


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    await queue.connect()
    yield
    await queue.disconnect()


async def send(number: int) -> Job:
    return await queue.enqueue("work", number=number, text=tally.TEXT, ttl=TTL)


async def send_many(name: str, count: int) -> None:
    if name == "nap":
        await tally.gathered(lambda _: queue.enqueue("nap", ttl=TTL), count)
    else:
        await tally.gathered(send, count)


async def result_of(job: Job) -> int:
    await job.refresh(until_complete=0)
    return job.result
