"""What is in PostgreSQL keeps the contract of brokers, result backends and schedule sources."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from taskiq_core.messages.message import BrokerMessage
from taskiq_pgsql import PostgresBroker, PostgresResultBackend, PostgresScheduleSource
from taskiq_testkit import (
    BrokerContract,
    BrokerFactory,
    ResultBackendContract,
    ScheduleSourceContract,
)
from taskiq_testservers.postgres_server import PostgresServer

LEASE = 1.0


class TestPostgresBroker(BrokerContract):
    max_message_size = 4_000_000

    @pytest.fixture
    def address(self, url: str) -> str:
        return f"{url}&lease={LEASE}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, address: str) -> PostgresBroker:
        return PostgresBroker.from_url(address)

    @pytest.fixture
    def make_broker(self, address: str) -> Callable[[], PostgresBroker]:
        return lambda: PostgresBroker.from_url(address)

    @pytest.fixture
    def broker_factory(self, address: str) -> BrokerFactory:
        return BrokerFactory("taskiq_pgsql:PostgresBroker.from_url", address)

    @pytest.fixture
    def restart_server(self, shared_server: PostgresServer) -> Callable[[], Awaitable[None]]:
        """No other test of this process runs meanwhile."""
        return shared_server.restart

    @pytest.fixture
    def plant_poison(self, address: str) -> dict[str, Callable[[], Awaitable[None]]]:
        """Columns have types, so that only the message itself can't be read."""

        async def plant() -> None:
            async with PostgresBroker.from_url(address) as broker:
                await broker.kick(
                    BrokerMessage(task_id="poison", task_name="", message=b"\xff", labels={})
                )

        return {"bytes": plant}

    @pytest.fixture
    def open_transaction(self, shared_server: PostgresServer) -> Any:
        @asynccontextmanager
        async def opened() -> AsyncIterator[AsyncpgTransaction]:
            connection = await shared_server.connect()
            transaction = connection.transaction()
            await transaction.start()
            yield AsyncpgTransaction(connection, transaction)
            await connection.close()

        return opened


class AsyncpgTransaction:
    def __init__(self, connection: Any, transaction: Any) -> None:
        self.connection = connection
        self.commit = transaction.commit
        self.rollback = transaction.rollback


class TestPostgresResultBackend(ResultBackendContract):
    pushes = True

    @pytest.fixture
    def result_backend(self, url: str) -> PostgresResultBackend[Any]:
        return PostgresResultBackend.from_url(url)

    @pytest.fixture
    def make_result_backend(self, url: str) -> Callable[[], PostgresResultBackend[Any]]:
        return lambda: PostgresResultBackend.from_url(url)


class TestPostgresScheduleSource(ScheduleSourceContract):
    claim_lease = 0.5
    tells_changes = True

    @pytest.fixture
    def source(self, url: str) -> PostgresScheduleSource:
        return PostgresScheduleSource.from_url(url, claim_lease=self.claim_lease)

    @pytest.fixture
    def make_source(self, url: str) -> Callable[[], PostgresScheduleSource]:
        return lambda: PostgresScheduleSource.from_url(url, claim_lease=self.claim_lease)
