"""Fetching: messages are leased to this worker, expired ones among them."""

import time
from collections.abc import Sequence
from typing import Any, Final, cast

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_redis.errors import RedisRightsError
from taskiq_redis.queue.codec import delivery_of
from taskiq_redis.queue.redis_queue import RedisQueue
from taskiq_redis.queue.settle import RedisDelivery

PLAIN_PAUSE: Final = 1.0
"""Seconds of fetches by the script for all messages after one found a message that is not plain."""
MAX_EXPIRED: Final = 100
"""Expired messages that are leased beside the fetch loop at most."""


class Fetcher:
    """Leases messages; the `MessageQueue` of the fetch loop.

    Args:
        queue: the broker's queues.
        lease: seconds that a worker gets messages for.
        owner: the worker; empty for none, which costs less.
        selection: the queues to fetch from; None for the default queue.
    """

    def __init__(
        self,
        queue: RedisQueue,
        *,
        lease: float,
        owner: str = "",
        selection: QueueSelection | None = None,
    ) -> None:
        self._queue = queue
        self._store = queue.store
        self._lease = lease
        self._owner = owner
        self._order = QueueOrder(selection or QueueSelection({queue.store.name: 1}))
        self._last: tuple[Sequence[str], Sequence[str]] = ((), ())
        self._plain_from = 0.0

    async def fetch(self, limit: int) -> Fetched[RedisDelivery]:
        """Lease messages; at most half of them, rounded up, are expired ones.

        Raises:
            RedisRightsError: the user lacks a right, which is named.
        """
        try:
            return await self._lease_messages(limit, limit - limit // 2)
        except RedisRightsError:
            await self._store.check_rights(with_results=False)  # names the right, as scripts do not
            raise

    async def fetch_expired(self) -> Sequence[RedisDelivery]:
        """Lease expired messages alone."""
        return (await self._lease_messages(0, MAX_EXPIRED)).deliveries

    async def wait(self, seconds: float) -> None:
        """Wait for a message that is sent, released or given back to one of the queues."""
        await self._store.wait_for_wakeup(seconds, self._order.queues())

    async def give_back(self, deliveries: Sequence[RedisDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt."""
        await self._queue.give_back(deliveries)

    async def _lease_messages(self, limit: int, max_expired: int) -> Fetched[RedisDelivery]:
        queues = self._order.queues()
        if self._last[0] is not queues:
            self._last = queues, self._store.keys_of(queues)
        wait, *leased = await self._run(limit, max_expired, self._last[1])
        deliveries: list[RedisDelivery] = []
        first: str | None = None
        for queue, messages in zip(queues, leased, strict=True):
            if messages:
                first = first or queue
                settler = self._queue.settler(queue)
                deliveries += [delivery_of(each, settler, self._lease) for each in messages]
        self._order.served(first)
        return Fetched(deliveries, float(wait) if wait else None)

    async def _run(self, limit: int, max_expired: int, keys: Sequence[str]) -> Sequence[Any]:
        """Run the script for plain messages of the default queue, or the one for all messages."""
        if limit and len(keys) == 1 and time.monotonic() >= self._plain_from:
            reply = await self._store.run("fetch_plain", limit, self._lease, self._owner, keys=keys)
            if reply:
                return cast("Sequence[Any]", reply)
            # What it does not do will be there for a while.
            self._plain_from = time.monotonic() + PLAIN_PAUSE
        arguments = (limit, self._lease, max_expired, self._owner)
        return cast("Sequence[Any]", await self._store.run("fetch", *arguments, keys=keys))
