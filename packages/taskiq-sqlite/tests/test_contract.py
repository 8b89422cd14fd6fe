"""What is in a SQLite file keeps the contract of brokers, result backends and schedule sources."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite import SQLiteBroker, SQLiteResultBackend, SQLiteScheduleSource
from taskiq_testkit import (
    BrokerContract,
    BrokerFactory,
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testservers.sqlite_poison import planters

LEASE = 1.0


class TestSQLiteBroker(BrokerContract):
    max_message_size = 4_000_000
    several_event_loops = True

    @pytest.fixture
    def url(self, path: Path) -> str:
        return f"sqlite:///{path}?lease={LEASE}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, url: str) -> SQLiteBroker:
        return SQLiteBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], SQLiteBroker]:
        return lambda: SQLiteBroker.from_url(url)

    @pytest.fixture
    def plant_poison(self, path: Path) -> dict[str, Callable[[], Awaitable[None]]]:
        return planters(path)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_sqlite:SQLiteBroker.from_url", url)


class TestSQLiteResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, path: Path) -> SQLiteResultBackend[Any]:
        return SQLiteResultBackend(path)

    @pytest.fixture
    def make_result_backend(self, path: Path) -> Callable[[], SQLiteResultBackend[Any]]:
        return lambda: SQLiteResultBackend(path)


class TestSQLiteScheduleSource(ScheduleSourceContract):
    claim_lease = 0.5
    tells_changes = True

    @pytest.fixture
    def source(self, path: Path) -> SQLiteScheduleSource:
        return SQLiteScheduleSource(path, claim_lease=self.claim_lease)

    @pytest.fixture
    def make_source(self, path: Path) -> Callable[[], SQLiteScheduleSource]:
        return lambda: SQLiteScheduleSource(path, claim_lease=self.claim_lease)
