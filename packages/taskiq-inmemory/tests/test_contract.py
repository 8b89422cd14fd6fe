"""InMemoryBroker and its results keep the contract, as far as one process can."""

from typing import Any

import pytest

from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend
from taskiq_testkit import BrokerContract, ResultBackendContract


class TestInMemoryBroker(BrokerContract):
    has_workers = False

    @pytest.fixture
    def broker(self) -> InMemoryBroker:
        return InMemoryBroker()


class TestInMemoryBrokerWithDelays(TestInMemoryBroker):
    """As `memory://` makes it."""

    @pytest.fixture
    def broker(self) -> InMemoryBroker:
        return InMemoryBroker.from_url("memory://")


class TestInmemoryResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self) -> InmemoryResultBackend[Any]:
        return InmemoryResultBackend()
