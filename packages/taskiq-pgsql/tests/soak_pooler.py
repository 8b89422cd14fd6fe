"""Behind PgBouncer in transaction mode the broker serves its whole contract."""

from collections.abc import AsyncIterator, Callable

import pytest

from taskiq_pgsql import PostgresBroker
from taskiq_testkit import BrokerContract, BrokerFactory
from taskiq_testservers.pgbouncer import PROGRAM, PgBouncer
from taskiq_testservers.postgres_server import PostgresServer

LEASE = 2.0


@pytest.fixture
async def pooler(shared_server: PostgresServer) -> AsyncIterator[PgBouncer]:
    async with PgBouncer(shared_server) as pooler:
        yield pooler


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")
class TestBehindPgBouncer(BrokerContract):
    max_message_size = 4_000_000

    @pytest.fixture
    def address(self, pooler: PgBouncer, url: str) -> str:
        schema = url.rpartition("=")[2]
        size = self.max_message_size
        return f"{pooler.url()}?lease={LEASE}&max_message_size={size}&schema={schema}"

    @pytest.fixture
    def broker(self, address: str) -> PostgresBroker:
        return PostgresBroker.from_url(address)

    @pytest.fixture
    def make_broker(self, address: str) -> Callable[[], PostgresBroker]:
        return lambda: PostgresBroker.from_url(address)

    @pytest.fixture
    def broker_factory(self, address: str) -> BrokerFactory:
        return BrokerFactory("taskiq_pgsql:PostgresBroker.from_url", address)
