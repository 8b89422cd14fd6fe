"""Fetching: messages are leased to this worker, expired ones among them."""

from collections.abc import Sequence
from typing import Final

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_redis.errors import RedisRightsError
from taskiq_redis.queue.codec import Leased, delivery_of
from taskiq_redis.queue.settle import RedisDelivery, Settler
from taskiq_redis.queue.store import QueueStore

MAX_EXPIRED: Final = 100
"""Expired messages that are leased beside the fetch loop at most."""


class Fetcher:
    """Leases messages; the `MessageQueue` of the fetch loop.

    Args:
        store: the queue.
        settler: settles the deliveries.
        lease: seconds that a worker gets messages for.
    """

    def __init__(self, store: QueueStore, settler: Settler, *, lease: float) -> None:
        self._store = store
        self._settler = settler
        self._lease = lease

    async def fetch(self, limit: int) -> Fetched[RedisDelivery]:
        """Lease messages; at most half of them, rounded up, are expired ones.

        Raises:
            RedisRightsError: the user lacks a right, which is named.
        """
        try:
            wait, leased = await self._lease_messages(limit, limit - limit // 2)
        except RedisRightsError:
            await self._store.check_rights(with_results=False)  # names the right, as scripts do not
            raise
        return Fetched(self._deliveries(leased), float(wait) if wait else None)

    async def fetch_expired(self) -> Sequence[RedisDelivery]:
        """Lease expired messages alone."""
        _, leased = await self._lease_messages(0, MAX_EXPIRED)
        return self._deliveries(leased)

    async def wait(self, seconds: float) -> None:
        """Wait for a message that is sent, released or given back."""
        await self._store.wait_for_wakeup(seconds)

    async def give_back(self, deliveries: Sequence[RedisDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt."""
        await self._settler.give_back(deliveries)

    async def _lease_messages(self, limit: int, max_expired: int) -> tuple[bytes, Sequence[Leased]]:
        wait, leased = await self._store.run("fetch", limit, self._lease, max_expired)
        return wait, leased

    def _deliveries(self, leased: Sequence[Leased]) -> list[RedisDelivery]:
        return [delivery_of(each, self._settler, self._lease) for each in leased]
