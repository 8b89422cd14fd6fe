"""One server for all tests of a process; a queue for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from taskiq_testservers.nats_server import NatsServer


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server that tests must not stop, but to start it again."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    asyncio.run(server.start())
    yield server
    server.kill()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server of the test's own, which may be killed and paused."""
    async with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def url(shared_server: NatsServer) -> str:
    """The URL of a queue of the test's own."""
    return shared_server.new_queue_url()
