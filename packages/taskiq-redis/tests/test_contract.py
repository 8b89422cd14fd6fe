"""What is in Redis keeps the contract of brokers, result backends and schedule sources."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend
from taskiq_testkit import (
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testservers.redis_contract import OneServerContract
from taskiq_testservers.redis_poison import planters
from taskiq_testservers.redis_server import RedisServer


class TestRedisBroker(OneServerContract):
    @pytest.fixture
    def address(self, server: RedisServer) -> str:
        return server.url

    @pytest.fixture
    def plant_poison(self, server: RedisServer) -> dict[str, Callable[[], Awaitable[None]]]:
        return planters(server.url)

    @pytest.fixture
    def restart_server(self, server: RedisServer) -> Callable[[], Awaitable[None]]:
        return server.restart


class TestRedisAsyncResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, server: RedisServer) -> RedisAsyncResultBackend[Any]:
        return RedisAsyncResultBackend(server.url)

    @pytest.fixture
    def make_result_backend(
        self, server: RedisServer
    ) -> Callable[[], RedisAsyncResultBackend[Any]]:
        return lambda: RedisAsyncResultBackend(server.url)


class TestListRedisScheduleSource(ScheduleSourceContract):
    claim_lease = 0.5
    tells_changes = True

    @pytest.fixture
    def source(self, server: RedisServer) -> ListRedisScheduleSource:
        return ListRedisScheduleSource(server.url, claim_lease=self.claim_lease)

    @pytest.fixture
    def make_source(self, server: RedisServer) -> Callable[[], ListRedisScheduleSource]:
        return lambda: ListRedisScheduleSource(server.url, claim_lease=self.claim_lease)
