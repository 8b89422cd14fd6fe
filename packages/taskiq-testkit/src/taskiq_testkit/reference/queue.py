"""ReferenceQueue: what the toolkit for brokers asks of a store, as calls of the server."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal
from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_testkit.reference.calls import call
from taskiq_testkit.reference.messages import Message


class ReferenceQueue:
    """The queues of one stream of deliveries.

    Args:
        address: of the server.
        lease: seconds, as the server's store has it.
        queues: where the stream takes messages from.
        owner: the worker.
    """

    def __init__(
        self, address: tuple[str, int], lease: float, *, queues: QueueSelection, owner: str
    ) -> None:
        self._address = address
        self._lease = lease
        self._order = QueueOrder(queues)
        self._owner = owner
        self._changes = 0

    async def fetch(self, limit: int) -> Fetched[LeasedDelivery[int]]:
        """Lease messages; remembers how many changes the server had seen before."""
        queues = self._order.queues()
        found, next_due, self._changes = await call(
            self._address, "fetch", limit, queues, self._owner
        )
        messages = [Message(*each) for each in found]
        self._order.served(messages[0].queue if messages else None)
        return Fetched(list(map(self._delivery, messages)), next_due)

    async def fetch_expired(self, limit: int) -> list[LeasedDelivery[int]]:
        """Lease messages that are to be refused."""
        found = await call(self._address, "fetch_expired", limit, self._owner)
        return [self._delivery(Message(*each)) for each in found]

    async def wait(self, seconds: float) -> None:
        """Return when the server has seen a change since the last `fetch`."""
        await call(self._address, "wait", self._changes, seconds)

    async def give_back(self, deliveries: Sequence[LeasedDelivery[int]]) -> None:
        """Have the store forget that the messages were fetched."""
        for delivery in deliveries:
            await self._call("unfetch", delivery.token)

    def acknowledge(self, token: LeaseToken[int]) -> Awaitable[None]:
        """Forget the message."""
        return asyncio.shield(self._call("ack", token))

    async def release(self, token: LeaseToken[int], delay: float) -> None:
        """Queue the message again."""
        await self._call("release", token, delay)

    async def bury(self, token: LeaseToken[int], reason: str, error: str | None) -> None:
        """Move the message to the dead letters; see `Store.bury`."""
        await self._call("bury", token, reason, error)

    async def renew(self, tokens: Sequence[LeaseToken[int]], lease: float) -> list[Renewal]:
        """Extend leases to what the server's store has; it knows one length."""
        del lease
        return [await self._renew(token) for token in tokens]

    async def _renew(self, token: LeaseToken[int]) -> Renewal:
        try:
            is_aborted = await self._call("extend", token)
        except LeaseLostError:
            return Renewal.LOST
        return Renewal.ABORTED if is_aborted else Renewal.DONE

    async def _call(self, method: str, token: LeaseToken[int], *args: Any) -> Any:
        return await call(self._address, method, token.message_id, token.fence, *args)

    def _delivery(self, message: Message) -> LeasedDelivery[int]:
        return LeasedDelivery(
            message.body,
            queue=self,
            token=LeaseToken(message.number, message.fence or 0),
            task_id=message.task_id,
            attempt=message.attempt,
            unsettled=message.unsettled,
            lease=self._lease,
            aborted=message.aborted,
            expired=message.expired,
        )
