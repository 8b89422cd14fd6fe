"""Behind PgBouncer in transaction mode; `soak_pooler.py` has the whole contract."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from taskiq_pgsql import PostgresBroker
from taskiq_testkit import BrokerFactory
from taskiq_testkit.contracts.delays import DelayContract
from taskiq_testkit.contracts.enqueue import EnqueueContract
from taskiq_testkit.contracts.pushed_results import PushedResultContract
from taskiq_testservers.pgbouncer import PROGRAM, PgBouncer
from taskiq_testservers.postgres_server import PostgresServer

LEASE = 2.0

if PROGRAM is None:
    sys.stderr.write("pgbouncer is not installed: nothing behind a pooler is tested\n")


@pytest.fixture
async def pooler(shared_server: PostgresServer) -> AsyncIterator[PgBouncer]:
    async with PgBouncer(shared_server) as pooler:
        yield pooler


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")
class TestSomeBehindPgBouncer(EnqueueContract, DelayContract, PushedResultContract):
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


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")
async def test_what_is_sent_behind_a_pooler_wakes_a_worker_that_is_not(
    pooler: PgBouncer, url: str
) -> None:
    """A worker is better direct; its clients may go through the pooler."""
    schema = url.rpartition("=")[2]
    async with (
        PostgresBroker.from_url(url) as worker,
        PostgresBroker(pooler.url(), schema=schema) as client,
    ):
        listening = worker.listen()
        coming = asyncio.ensure_future(anext(listening))

        async def nothing() -> None:
            """A task."""

        sent = await client.register_task(nothing, task_name="nothing").kiq()

        async with asyncio.timeout(4):  # sooner than the next poll
            delivery = await coming
        assert delivery.task_id == sent.task_id
        await delivery.ack()
        await listening.aclose()
