"""arq: jobs are read from a sorted set every poll_delay; results by polling."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally
import uvloop
from arq import create_pool, func
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
SETTINGS = RedisSettings.from_dsn(tally.URL)
KEEP = 3600 if tally.KEEPS_RESULTS else 0
redis: ArqRedis


async def work(context: dict, number: int, text: str) -> int:
    return tally.work(number)


async def nap(context: dict) -> None:
    await tally.nap()


class WorkerSettings:
    functions = [func(work, keep_result=KEEP), func(nap, keep_result=KEEP)]
    redis_settings = SETTINGS
    max_jobs = tally.CONCURRENCY
    poll_delay = 0.001
    log_results = False


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    global redis
    redis = await create_pool(SETTINGS)
    yield
    await redis.aclose()


async def send(number: int) -> Job:
    return await redis.enqueue_job("work", number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    if name == "nap":
        await tally.gathered(lambda _: redis.enqueue_job("nap"), count, at_once=100)
    else:
        await tally.gathered(send, count, at_once=100)


async def result_of(job: Job) -> int:
    return await job.result(poll_delay=0)
