"""celery: acknowledged when received, as is its default; results are pushed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally
from celery import Celery
from celery.result import AsyncResult

app = Celery("celery_app", broker=tally.URL, backend=tally.URL)
app.conf.update(
    task_ignore_result=not tally.KEEPS_RESULTS,
    worker_prefetch_multiplier=16,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def work(number: int, text: str) -> int:
    return tally.work(number)


@app.task(ignore_result=True)
def nap() -> None:
    tally.nap_in_thread()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    yield


async def send(number: int) -> AsyncResult:
    return work.delay(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    task, arguments = (nap, ()) if name == "nap" else (work, (1, tally.TEXT))
    with app.producer_or_acquire() as producer:
        for _ in range(count):
            task.apply_async(arguments, producer=producer)


async def result_of(result: AsyncResult) -> int:
    return result.get(interval=0.001)
