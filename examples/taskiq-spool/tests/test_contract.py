"""SpoolBroker keeps the contract that it declares."""

from collections.abc import Callable
from pathlib import Path

import pytest
from taskiq_spool import SpoolBroker

from taskiq_testkit import BrokerContract, BrokerFactory


class TestSpoolBroker(BrokerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"spool://{tmp_path}?lease=1"

    @pytest.fixture
    def broker(self, url: str) -> SpoolBroker:
        return SpoolBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], SpoolBroker]:
        return lambda: SpoolBroker.from_url(url)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_spool:SpoolBroker.from_url", url)
