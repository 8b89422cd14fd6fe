"""Brokers whose deliveries belong to a connection, and one that says nothing of its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots
from taskiq_testkit import ReferenceBroker, ReferenceServer
from taskiq_testkit.contracts.ownership import OwnershipContract
from taskiq_testkit.contracts.plugin_spec import PluginSpecContract
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.reference.store import Store

FOR_EVER = 1_000.0


class ConnectionBroker(ReferenceBroker):
    """Has its deliveries until its connection ends; its server knows no leases."""

    capabilities = ReferenceBroker.capabilities - {Capability.LEASE, Capability.PRESENCE}
    reclaims_itself = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.worker_id = f"connection of {id(self)}"
        self.held: list[Delivery] = []
        self.gone: asyncio.Queue[Delivery] = asyncio.Queue()

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        async for delivery in super().deliveries(slots):
            delivery.lease = None
            self.held.append(delivery)
            yield delivery

    async def reclaim(self, *, owner: str | None = None) -> int:
        return 0

    async def lost(self) -> AsyncGenerator[Delivery, None]:
        while True:
            yield await self.gone.get()

    async def end_connection(self) -> None:
        """What the server does, and what the client notices then."""
        await self.call("reclaim", self.worker_id)
        for delivery in self.held:
            self.gone.put_nowait(delivery)


class SilentBroker(ConnectionBroker):
    """Says nothing of deliveries that are gone."""

    async def lost(self) -> AsyncGenerator[Delivery, None]:
        await asyncio.Event().wait()
        yield self.held[0]


async def end_connection_of(broker: AsyncBroker) -> None:
    assert isinstance(broker, ConnectionBroker)
    await broker.end_connection()


@pytest.fixture
async def server() -> AsyncIterator[ReferenceServer]:
    async with ReferenceServer(Store(lease=FOR_EVER)) as server:
        yield server


class TestConnectionBroker(OwnershipContract, PluginSpecContract):
    @pytest.fixture
    def broker(self, server: ReferenceServer) -> ConnectionBroker:
        return ConnectionBroker.from_url(server.url)

    @pytest.fixture
    def make_broker(self, server: ReferenceServer) -> Callable[[], AsyncBroker]:
        return lambda: ConnectionBroker.from_url(server.url)

    @pytest.fixture
    def end_connection(self) -> Any:
        return end_connection_of


async def test_broker_that_says_nothing_of_losses_is_caught(server: ReferenceServer) -> None:
    harness = BrokerHarness(
        SilentBroker.from_url(server.url),
        make_broker=lambda: SilentBroker.from_url(server.url),
        broker_factory=None,
        patience=0.5,
        tick=0.1,
        has_workers=True,
    )
    await harness.open()
    try:
        with pytest.raises(AssertionError, match="task whose delivery is lost"):
            await OwnershipContract().test_task_of_a_lost_delivery_is_stopped(
                harness=harness, end_connection=end_connection_of
            )
    finally:
        await harness.close()
