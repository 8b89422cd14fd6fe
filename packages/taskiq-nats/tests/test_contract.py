"""What is in NATS keeps the contract of brokers and result backends."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from taskiq_nats import JetStreamBroker, JetStreamResultBackend
from taskiq_testkit import BrokerContract, BrokerFactory, ResultBackendContract
from taskiq_testservers.nats_server import NatsServer

LEASE = 1.0


class TestJetStreamBroker(BrokerContract):
    max_message_size = 1_030_000

    @pytest.fixture
    def address(self, url: str) -> str:
        return f"{url}&lease={LEASE}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, address: str) -> JetStreamBroker:
        return JetStreamBroker.from_url(address)

    @pytest.fixture
    def make_broker(self, address: str) -> Callable[[], JetStreamBroker]:
        return lambda: JetStreamBroker.from_url(address)

    @pytest.fixture
    def broker_factory(self, address: str) -> BrokerFactory:
        return BrokerFactory("taskiq_nats:JetStreamBroker.from_url", address)

    @pytest.fixture
    def restart_server(self, shared_server: NatsServer) -> Callable[[], Awaitable[None]]:
        """No other test of this process runs meanwhile."""
        return shared_server.restart

    @pytest.fixture
    def plant_poison(self, address: str) -> dict[str, Callable[[], Awaitable[None]]]:
        def planting(payload: bytes) -> Callable[[], Awaitable[None]]:
            async def plant() -> None:
                async with JetStreamBroker.from_url(address) as broker:
                    queue = broker.queue
                    await queue.connection.publish(queue.names.now_subject("poison"), payload)

            return plant

        return {
            "bytes": planting(b"\xff"),
            "empty": planting(b""),
            "no message": planting(b'{"id": "poison", "name": ""}\n\xff'),
            "numbers": planting(b'{"id": "poison", "name": "", "attempts": "many"}\n{}'),
        }


class TestJetStreamResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def address(self, url: str) -> str:
        return url.replace("queue_name", "bucket")

    @pytest.fixture
    def result_backend(self, address: str) -> JetStreamResultBackend[Any]:
        return JetStreamResultBackend.from_url(address)

    @pytest.fixture
    def make_result_backend(self, address: str) -> Callable[[], JetStreamResultBackend[Any]]:
        return lambda: JetStreamResultBackend.from_url(address)
