"""A private server for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from taskiq_testservers.redis_server import RedisServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with RedisServer(tmp_path / "redis") as server:
        yield server
