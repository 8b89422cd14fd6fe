"""rq: one job at a time in each worker, here without a fork for each."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally
from redis import Redis
from rq import Queue
from rq.job import Job

queue = Queue(connection=Redis.from_url(tally.URL))
TTL = 500 if tally.KEEPS_RESULTS else 0


def work(number: int, text: str) -> int:
    return tally.work(number)


def nap() -> None:
    tally.nap_in_thread()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    yield


async def send(number: int) -> Job:
    return queue.enqueue(work, number, tally.TEXT, result_ttl=TTL)


async def send_many(name: str, count: int) -> None:
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        if name == "nap":
            jobs = [Queue.prepare_data(nap, (), result_ttl=TTL) for _ in numbers]
        else:
            jobs = [Queue.prepare_data(work, (n, tally.TEXT), result_ttl=TTL) for n in numbers]
        queue.enqueue_many(jobs)


async def result_of(job: Job) -> int:
    while (result := job.latest_result()) is None:
        time.sleep(0.0005)
    return result.return_value
