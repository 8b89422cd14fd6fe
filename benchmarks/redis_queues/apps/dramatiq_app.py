"""dramatiq: threads; messages are fetched in batches and acknowledged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dramatiq
import tally
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

broker = RedisBroker(url=tally.URL)
broker.add_middleware(Results(backend=RedisBackend(url=tally.URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=tally.KEEPS_RESULTS)
def work(number: int, text: str) -> int:
    return tally.work(number)


@dramatiq.actor
def nap() -> None:
    tally.nap_in_thread()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    yield


async def send(number: int) -> Message:
    return work.send(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    for number in range(count):
        if name == "nap":
            nap.send()
        else:
            work.send(number, tally.TEXT)


async def result_of(message: Message) -> int:
    return message.get_result(block=True)
