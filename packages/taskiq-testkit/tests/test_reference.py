"""The reference broker and its siblings keep the contract, all of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_testkit import (
    BrokerContract,
    BrokerFactory,
    ReferenceBroker,
    ReferenceResultBackend,
    ReferenceScheduleSource,
    ReferenceServer,
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testkit.reference.store import Store
from taskiq_testservers.poison import planters

LEASE = 0.7


class TestReferenceBroker(BrokerContract):
    max_message_size = 4_000_000
    several_event_loops = True

    @pytest.fixture
    async def server(self) -> AsyncIterator[ReferenceServer]:
        async with ReferenceServer(Store(lease=LEASE)) as server:
            yield server

    @pytest.fixture
    def broker(self, server: ReferenceServer) -> ReferenceBroker:
        return ReferenceBroker.from_url(server.url, lease=LEASE)

    @pytest.fixture
    def make_broker(
        self, server: ReferenceServer, broker: ReferenceBroker
    ) -> Callable[[], AsyncBroker]:
        return lambda: ReferenceBroker.from_url(
            server.url, lease=LEASE, result_backend=broker.result_backend
        )

    @pytest.fixture
    def broker_factory(self, server: ReferenceServer) -> BrokerFactory:
        return BrokerFactory("taskiq_testkit:ReferenceBroker.from_url", server.url)

    @pytest.fixture
    def plant_poison(self, server: ReferenceServer) -> dict[str, Callable[[], Awaitable[None]]]:
        return planters(server)

    @pytest.fixture
    def restart_server(self, server: ReferenceServer) -> Callable[[], Awaitable[None]]:
        return server.restart


class TestReferenceResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self) -> ReferenceResultBackend[Any]:
        return ReferenceResultBackend()

    @pytest.fixture
    def make_result_backend(
        self, result_backend: ReferenceResultBackend[Any]
    ) -> Callable[[], ReferenceResultBackend[Any]]:
        return lambda: result_backend


class TestReferenceScheduleSource(ScheduleSourceContract):
    claim_lease = 0.3
    tells_changes = True

    @pytest.fixture
    def source(self) -> ReferenceScheduleSource:
        return ReferenceScheduleSource(claim_lease=self.claim_lease)

    @pytest.fixture
    def make_source(self, source: ReferenceScheduleSource) -> Callable[[], ReferenceScheduleSource]:
        return lambda: source
