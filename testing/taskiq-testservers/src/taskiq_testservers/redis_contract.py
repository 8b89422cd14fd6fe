"""The contract of a broker at a URL, whatever user the URL is of."""

from collections.abc import Callable

import pytest

from taskiq_redis import RedisBroker
from taskiq_testkit import BrokerContract, BrokerFactory

LEASE = 1.0


class OneServerContract(BrokerContract):
    """Inherit it, and override the fixture `address`."""

    max_message_size = 4_000_000

    @pytest.fixture
    def address(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def url(self, address: str) -> str:
        return f"{address}?lease={LEASE}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, url: str) -> RedisBroker:
        return RedisBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], RedisBroker]:
        return lambda: RedisBroker.from_url(url)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_redis:RedisBroker.from_url", url)
