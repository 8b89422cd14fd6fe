"""One node for all tests of a process, as it takes seconds to start; queues for each test."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import count

import aiormq
import pytest

from taskiq_aio_pika.queue.delays import LEVELS, level_name, stages_name
from taskiq_testservers.rabbitmq_server import RabbitServer

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RabbitServer]:
    """A node that tests must not stop for long."""
    server = RabbitServer()
    asyncio.run(server.start())
    yield server
    server.close()


@pytest.fixture
async def queue_name(shared_server: RabbitServer) -> AsyncIterator[str]:
    """The name of a queue that only one test uses; it is deleted afterwards."""
    name = f"test-{os.getpid()}-{next(_NUMBERS)}"
    yield name
    await delete_queues(shared_server, name)


@pytest.fixture
def url(shared_server: RabbitServer, queue_name: str) -> str:
    """The URL of the test's queue."""
    return f"{shared_server.url}?queue_name={queue_name}"


async def delete_queues(server: RabbitServer, name: str) -> None:
    """Delete a queue and all that a broker keeps beside it."""
    connection = await aiormq.connect(server.url)
    channel = await connection.channel()
    for each in (name, f"{name}.dead", f"{name}.expired"):
        await channel.queue_delete(each)
    try:
        await channel.exchange_declare(stages_name(name), passive=True)
    except aiormq.exceptions.ChannelNotFoundEntity:
        pass
    else:
        for level in range(LEVELS):
            await channel.queue_delete(level_name(name, level))
            await channel.exchange_delete(level_name(name, level))
        await channel.exchange_delete(stages_name(name))
    await connection.close()
