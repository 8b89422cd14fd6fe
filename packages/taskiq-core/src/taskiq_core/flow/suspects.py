"""Suspects: messages that were lost twice with their workers are run alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import RELEASE, Outcome, Release

logger = get_logger(__name__)

SUSPECT_LOSSES: Final = 2
"""Deliveries that ended without being settled, from which on a message is a suspect."""
FIRST_PATIENCE: Final = 15.0
"""Seconds that a suspect waits for running tasks at first; doubles each time it is put off."""
LONGEST_PATIENCE: Final = 3600.0
"""Seconds that a suspect waits for running tasks at most."""


class SuspectLane:
    """Runs suspects one at a time, while the worker holds nothing else.

    A task that kills its worker takes with it what the worker holds besides. The store can't tell
    the killer from its neighbours, so all of them are counted as lost. Alone, a suspect harms only
    itself: it is buried after `max_deliveries` losses, or it ends, and was a neighbour.

    Args:
        pool: where deliveries run.
        give_back: settles a delivery that has not been started.
        max_deliveries: how many deliveries of a message may end without being settled.
    """

    def __init__(
        self,
        pool: DeliveryPool[Delivery],
        *,
        give_back: Callable[[Delivery, Outcome], Awaitable[object]],
        max_deliveries: int,
    ) -> None:
        self._pool = pool
        self._give_back = give_back
        self._max_deliveries = max_deliveries
        self._held: Delivery | None = None
        self._losses = min(SUSPECT_LOSSES, max(max_deliveries - 1, 1))

    def is_suspect(self, delivery: Delivery) -> bool:
        """Whether a delivery is to be run alone; one that will be buried unrun is not."""
        return self._losses <= delivery.unsettled < self._max_deliveries

    def hold(self, delivery: Delivery) -> None:
        """Keep a suspect until `run_held` is called."""
        self._held = delivery

    def withdraw(self) -> list[Delivery]:
        """Take back the suspect if it has not been started."""
        held, self._held = self._held, None
        return [] if held is None else [held]

    async def run_held(self) -> None:
        """Run the held suspect while the worker runs nothing else, until it is settled.

        Nothing may be fetched meanwhile. What waits for a slot is given back. Tasks that run may
        finish; if they take too long, the suspect is put off and comes again. Does nothing if no
        suspect is held. A suspect that has not been started when this is cancelled stays held.
        """
        if self._held is None:
            return
        name = f"{self._held.task_id or 'A message'} was lost {self._held.unsettled} times"
        patience = _patience(self._held)
        for waiting in self._pool.withdraw():
            await self._give_back(waiting, RELEASE)
        try:
            async with asyncio.timeout(patience):
                await self._pool.wait_idle()
        except TimeoutError:
            logger.info("%s: put off for %g s, as other tasks still run", name, patience)
            for delivery in self.withdraw():
                await self._give_back(delivery, Release(patience))
            return
        logger.warning("%s with its worker: it is run alone", name)
        for delivery in self.withdraw():
            self._pool.submit(delivery)
        await self._pool.wait_idle()


def _patience(delivery: Delivery) -> float:
    """Seconds to wait for running tasks: twice as long each time that the suspect was put off."""
    times_put_off = max(delivery.attempt - delivery.unsettled - 1, 0)
    return min(LONGEST_PATIENCE, FIRST_PATIENCE * 2.0 ** min(times_put_off, 20))
