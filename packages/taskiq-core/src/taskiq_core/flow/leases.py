"""The leases of all deliveries that a worker holds, renewed by one timer."""

import asyncio
from collections.abc import Callable
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.outage import Outage
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery

logger = get_logger(__name__)

ACTIVITY: Final = "Leases can't be renewed"
RENEWALS: Final = 3
"""How often a lease is renewed in the time that it lasts."""


class LeaseKeeper:
    """Renews leases at a third of the shortest one, whether their tasks run or wait.

    Args:
        broker: whose deliveries they are.
        on_lost: called for a delivery that belongs to another worker now.
        on_aborted: called once for a delivery that a renewal shows to be aborted.
        outage: logs failures; one of its own by default.
    """

    def __init__(
        self,
        broker: AbstractBroker,
        on_lost: Callable[[Delivery], None],
        on_aborted: Callable[[Delivery], None] = lambda _: None,
        *,
        outage: Outage | None = None,
    ) -> None:
        self._broker = broker
        self._on_lost = on_lost
        self._on_aborted = on_aborted
        self._outage = outage or Outage(type(broker).__name__, logger)
        self._valid_until: dict[Delivery, float] = {}
        self._lost: set[Delivery] = set()
        self._first = asyncio.Event()

    def hold(self, delivery: Delivery) -> None:
        """Renew the lease of this delivery from now on; does nothing if it is held, or was lost."""
        if (
            delivery.lease is not None
            and delivery not in self._valid_until
            and delivery not in self._lost
        ):
            self._valid_until[delivery] = _now() + delivery.lease
            self._first.set()

    def lose(self, delivery: Delivery) -> None:
        """Note that a delivery without a lease belongs to another worker."""
        self._lost.add(delivery)
        self._on_lost(delivery)

    def held(self) -> list[Delivery]:
        """Return the deliveries whose leases are renewed; may be called in any thread."""
        return list(self._valid_until)

    def is_lost(self, delivery: Delivery) -> bool:
        """Return whether the delivery belongs to another worker now."""
        return delivery in self._lost

    def forget(self, delivery: Delivery) -> None:
        """The delivery was acknowledged, or is about to be settled."""
        if delivery.lease is not None:
            self._valid_until.pop(delivery, None)
        if self._lost:
            self._lost.discard(delivery)

    async def confirm(self, delivery: Delivery) -> bool:
        """Whether the delivery still belongs to this worker.

        Asks the store only if the last renewal is too long ago: the process may have been stopped,
        or the store been out of reach. What the store raises goes on.
        """
        until = self._valid_until.get(delivery)
        if until is None:  # acknowledged: nobody else will get it; or lost
            return delivery not in self._lost
        return _now() < until or not await self._renew([delivery])

    async def ask_for_abort(self, delivery: Delivery) -> bool:
        """Whether the store has the delivery marked as aborted.

        Asks by a renewal; what the store raises goes on.
        """
        await self._renew([delivery])
        return delivery.aborted

    async def run(self) -> None:
        """Renew what is held, until this is cancelled."""
        while True:
            while not self._valid_until:
                self._first.clear()
                await self._first.wait()
            shortest = min(delivery.lease or 0.0 for delivery in self._valid_until)
            await asyncio.sleep(shortest / RENEWALS)
            try:
                await self._renew(list(self._valid_until))
            except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
                self._outage.failed(ACTIVITY, error)
            else:
                self._outage.succeeded(ACTIVITY)

    async def _renew(self, deliveries: list[Delivery]) -> list[Delivery]:
        if not deliveries:
            return []
        asked = _now()  # the store counts from a later moment than this
        unmarked = [delivery for delivery in deliveries if not delivery.aborted]
        lost = await self._broker.renew_leases(deliveries)
        for delivery in deliveries:
            if delivery in self._valid_until and delivery.lease is not None:
                self._valid_until[delivery] = asked + delivery.lease
        for delivery in lost:
            if self._valid_until.pop(delivery, None) is not None:
                self._lost.add(delivery)
                self._on_lost(delivery)
        for delivery in unmarked:
            if delivery.aborted and delivery in self._valid_until:
                self._on_aborted(delivery)
        return lost


def _now() -> float:
    return asyncio.get_running_loop().time()
