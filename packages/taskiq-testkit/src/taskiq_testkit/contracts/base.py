"""What an author states about a broker: fixtures and facts."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import Any

import pytest
import pytest_asyncio

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import Contract
from taskiq_testkit.contracts.refusals import REFUSALS, every_worker_gets_it
from taskiq_testkit.harness import BrokerHarness, MakeBroker
from taskiq_testkit.processes import BrokerFactory
from taskiq_testkit.reports import report_subject
from taskiq_testkit.watchdog import watchdog

EndConnection = Callable[[AsyncBroker], Awaitable[None]]
RemoveQueue = Callable[[AsyncBroker, Collection[str]], Awaitable[None]]


class BrokerBase(Contract):
    """Fixtures to override, facts to state.

    Attributes:
        tick: seconds that two moments must be apart for the broker to tell them apart; tests of
            delays last a few ticks.
        has_workers: False for brokers that run tasks where they are sent, so that `listen` raises.
        max_message_size: bytes that a message of the fixture's broker may have; None for no limit.
        several_event_loops: whether one broker object may be used in several event loops at once.
        is_durable: whether messages survive `restart_server`.
    """

    kind = "broker"

    tick: float = 0.2
    has_workers: bool = True
    max_message_size: int | None = None
    several_event_loops: bool = False
    is_durable: bool = True

    @pytest.fixture
    def broker(self) -> AsyncBroker:
        """The broker that is tested, as its clients use it, with an empty queue of its own."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `broker` that makes the broker to be tested"
        )

    @pytest.fixture
    def make_broker(self) -> MakeBroker | None:
        """Makes one more broker object of the queue of `broker`; None if that can't be.

        The kit uses it for workers: it sets `is_worker_process`, and starts and stops it.
        """
        return None

    @pytest.fixture
    def broker_factory(self) -> BrokerFactory | None:
        """How another process makes a broker for a worker of the queue."""
        return None

    @pytest.fixture
    def restart_server(self) -> Any:
        """An async function that stops the broker's server and starts it again."""
        return None

    @pytest.fixture
    def end_connection(self) -> EndConnection | None:
        """An async function that ends the connection of a worker's broker, which it is given.

        For brokers whose deliveries belong to a connection: see `AsyncBroker.lost`.
        """
        return None

    @pytest.fixture
    def remove_queue(self) -> RemoveQueue | None:
        """An async function of the broker that removes the queues of a test from its server.

        The kit calls it when all brokers of the test are stopped, with the names of the queues that
        the test used beside the default one.
        """
        return None

    @pytest_asyncio.fixture
    async def harness(
        self,
        request: pytest.FixtureRequest,
        broker: AsyncBroker,
        make_broker: MakeBroker | None,
        broker_factory: BrokerFactory | None,
        remove_queue: RemoveQueue | None,
    ) -> AsyncGenerator[BrokerHarness, None]:
        """The broker, and what the tests have to do with it; for the tests of the kit."""
        harness = BrokerHarness(
            broker,
            make_broker=make_broker,
            broker_factory=broker_factory,
            patience=self.patience,
            tick=self.tick,
            has_workers=self.has_workers,
        )
        try:
            async with watchdog(self.time_limit):
                await harness.open()
        finally:  # what a broker can do is final now
            report_subject(request.node, type(self), broker, broker.capabilities or frozenset())
        try:
            yield harness
        finally:
            async with watchdog(self.time_limit):
                await harness.close()
                if remove_queue is not None:
                    await remove_queue(broker, harness.queues_used)

    async def refuse(self, capability: Capability, harness: Any) -> None:
        """Check that the use of a capability that is not declared is refused, or does without."""
        await REFUSALS[capability](harness)

    async def contrast(self, capability: Capability, harness: Any) -> None:
        """Check that a broker that broadcasts gives each message to every worker."""
        del capability  # there is but one
        await every_worker_gets_it(harness)
