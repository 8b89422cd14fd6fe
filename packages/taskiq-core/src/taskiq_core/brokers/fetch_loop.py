"""The fetch loop: a store's messages as a stream of deliveries, never more than there are slots."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots

logger = get_logger(__name__)

MAX_FETCH: Final = 500
"""Messages of one fetch at most; a worker without a limit of its own takes any number."""
SHORTEST_WAIT: Final = 0.001
"""Seconds; some stores read a wait of 0 as one without end."""

DeliveryT = TypeVar("DeliveryT", bound=Delivery)


@dataclass(frozen=True, slots=True)
class Fetched(Generic[DeliveryT]):
    """What one fetch brought.

    Attributes:
        deliveries: in the order in which they are to be run, expired ones among them.
        wait: seconds until more may be due without anything being sent, such as a delayed message;
            None if nothing is to come. Only read where there are no deliveries.
    """

    deliveries: Sequence[DeliveryT] = ()
    wait: float | None = None


class MessageQueue(Protocol[DeliveryT]):
    """What the fetch loop asks of a store."""

    async def fetch(self, limit: int) -> Fetched[DeliveryT]:
        """Lease at most `limit` messages to this worker."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when there may be something to fetch, and after `seconds` at the latest.

        What is sent between a `fetch` that found nothing and this call must end it at once.
        """

    async def give_back(self, deliveries: Sequence[DeliveryT]) -> None:
        """Return unstarted deliveries without counting an attempt, to the places that they had."""


async def fetch_loop(
    queue: MessageQueue[DeliveryT],
    slots: Slots,
    *,
    poll_interval: float,
    max_fetch: int = MAX_FETCH,
    share: float = 0.5,
    undoes_cancelled_fetch: bool = False,
) -> AsyncGenerator[DeliveryT, None]:
    """Yield deliveries as long as the caller listens.

    Fetches when a slot is free, at most as many messages as there are free slots, and by default at
    most half of all slots at once: while the tasks of one half end, the other half is fetched. What
    was fetched and not yielded when the caller stops is given back.

    Args:
        queue: the store.
        slots: how many more deliveries the worker can hold.
        poll_interval: seconds after which to fetch although the store has not woken the worker.
        max_fetch: messages of one fetch at most.
        share: part of all slots that one fetch may fill; 1 where fetching and settling take turns
            in one thread, so that larger transactions cost less than waiting.
        undoes_cancelled_fetch: whether the queue itself gives back what a cancelled `fetch` has
            leased. Otherwise this loop does, which takes an asyncio task for each fetch.
    """
    while True:
        await slots.wait_free()
        limit = min(slots.free, max(int(slots.limit * share), 1), max_fetch)
        fetched = await (queue.fetch(limit) if undoes_cancelled_fetch else _fetch(queue, limit))
        waiting = deque(fetched.deliveries)
        try:
            while waiting:
                yield waiting.popleft()
        finally:
            if waiting:
                await asyncio.shield(queue.give_back(waiting))
        if not fetched.deliveries:
            wait = poll_interval if fetched.wait is None else min(fetched.wait, poll_interval)
            await queue.wait(max(wait, SHORTEST_WAIT))


async def _fetch(queue: MessageQueue[DeliveryT], limit: int) -> Fetched[DeliveryT]:
    """Fetch messages, and give them back if the caller is cancelled."""
    fetching = asyncio.ensure_future(queue.fetch(limit))
    try:
        return await asyncio.shield(fetching)
    except asyncio.CancelledError:
        await asyncio.shield(_give_back_fetched(queue, fetching))
        raise


async def _give_back_fetched(
    queue: MessageQueue[DeliveryT], fetching: "asyncio.Future[Fetched[DeliveryT]]"
) -> None:
    try:
        fetched = await fetching
        if fetched.deliveries:
            await queue.give_back(fetched.deliveries)
    except Exception as error:  # noqa: BLE001  # any store, any failure; the caller was cancelled
        # A fetch that failed has leased nothing, or its leases run out, as those do that could
        # not be given back.
        logger.debug("Nothing is given back after a cancelled fetch: %s", reason_of(error))
