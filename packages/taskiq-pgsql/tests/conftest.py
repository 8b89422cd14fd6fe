"""One server for all tests of a process; a schema for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from taskiq_testservers.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def shared_server() -> Iterator[PostgresServer]:
    """A server that tests must not stop."""
    server = PostgresServer(fsync="off")
    asyncio.run(server.start())
    yield server
    server.close()


@pytest.fixture
async def server() -> AsyncIterator[PostgresServer]:
    """A server of the test's own, which may be killed and paused."""
    async with PostgresServer() as server:
        yield server


@pytest.fixture
def url(shared_server: PostgresServer) -> str:
    """The URL of a schema of the test's own."""
    return shared_server.new_schema_url()
