"""What is in Redis keeps the contract of brokers, result backends and schedule sources."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis_server import RedisServer

from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisBroker
from taskiq_testkit import (
    BrokerContract,
    BrokerFactory,
    ResultBackendContract,
    ScheduleSourceContract,
)

LEASE = 1.0


class TestRedisBroker(BrokerContract):
    max_message_size = 4_000_000

    @pytest.fixture
    def url(self, server: RedisServer) -> str:
        return f"{server.url}?lease={LEASE}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, url: str) -> RedisBroker:
        return RedisBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], RedisBroker]:
        return lambda: RedisBroker.from_url(url)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_redis:RedisBroker.from_url", url)

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

    @pytest.fixture
    def source(self, server: RedisServer) -> ListRedisScheduleSource:
        return ListRedisScheduleSource(server.url, claim_lease=self.claim_lease)

    @pytest.fixture
    def make_source(self, server: RedisServer) -> Callable[[], ListRedisScheduleSource]:
        return lambda: ListRedisScheduleSource(server.url, claim_lease=self.claim_lease)
