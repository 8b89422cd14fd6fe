"""ZeroMQBroker keeps the contract of brokers, in both modes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest

from taskiq_testkit import BrokerContract, BrokerFactory, ResultBackendContract
from taskiq_testservers.zmq_workers import MakeClient
from taskiq_zmq import DeliveryMode, ZeroMQBroker, ZeroMQResultBackend


class TestExclusive(BrokerContract):
    max_message_size = 4_000_000
    mode: ClassVar[DeliveryMode] = DeliveryMode.EXCLUSIVE

    @pytest.fixture
    def url(self) -> Iterator[str]:
        with TemporaryDirectory() as folder:  # pytest's are too deep for the path of a socket
            address = Path(folder) / "queue"
            limit = self.max_message_size
            yield f"zmq+ipc://{address}?mode={self.mode}&max_message_size={limit}&linger=0"

    @pytest.fixture
    def broker(self, url: str) -> ZeroMQBroker:
        return ZeroMQBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], ZeroMQBroker]:
        return lambda: ZeroMQBroker.from_url(url)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_zmq:ZeroMQBroker.from_url", url)


class TestBroadcast(TestExclusive):
    mode = DeliveryMode.BROADCAST


class TestZeroMQResultBackend(ResultBackendContract):
    pushes = True
    compares_fences = False  # a delivery is lost with its connection, and results come over it

    @pytest.fixture
    async def result_backend(self, make_client: MakeClient) -> ZeroMQResultBackend[Any]:
        backend = ZeroMQResultBackend[Any]()
        await make_client(result_backend=backend)
        return backend
