"""LeasedDelivery: a delivery that the store identifies by a token."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, Generic, Protocol

from taskiq_core.brokers.lease_token import LeaseToken, MessageId
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery

LEASE_LOST: Final = "it ran out and the message was reclaimed, or it was settled before"


class LeasedQueue(Protocol[MessageId]):
    """What a store does with the deliveries that it made.

    Each method returns when the store has it. `acknowledge`, `release` and `bury` raise
    `lease_lost()` where the store knows a later delivery of the message, or none.
    """

    def acknowledge(self, token: LeaseToken[MessageId]) -> Awaitable[None]:
        """Forget the message; goes on if the caller is cancelled, as a `Coalescer` does.

        Not shielded by the delivery, because that takes an asyncio task for each message.
        """
        ...

    async def release(self, token: LeaseToken[MessageId], delay: float) -> None:
        """Queue the message again, due in `delay` seconds."""

    async def bury(self, token: LeaseToken[MessageId], reason: str, error: str | None) -> None:
        """Move the message to the dead letters.

        Args:
            token: the lease.
            reason: why it is buried.
            error: the text of the last exception, if there was one.
        """

    async def renew(self, tokens: Sequence[LeaseToken[MessageId]], lease: float) -> Sequence[bool]:
        """Extend leases to `lease` seconds from now; for each token whether its lease is lost."""
        ...


class LeasedDelivery(Delivery, Generic[MessageId]):
    """A delivery whose calls go to its queue, with the token that proves the lease.

    Args:
        data: the message's bytes, as `kick` was given them.
        queue: the store that made the delivery.
        token: the store's name for this delivery; its fence is the delivery's.
        task_id: of the message; for logs, and for aborts.
        attempt: 1 on the first delivery.
        unsettled: how many earlier deliveries ended without being settled.
        lease: seconds until the store takes the message back.
        aborted: whether the abort of the task was asked for before this delivery.
        expired: whether the message is delivered only to be refused, as it waited for too long.
    """

    __slots__ = ("queue", "task_id", "token")

    def __init__(
        self,
        data: bytes,
        *,
        queue: LeasedQueue[MessageId],
        token: LeaseToken[MessageId],
        task_id: str,
        attempt: int,
        unsettled: int,
        lease: float,
        aborted: bool = False,
        expired: bool = False,
    ) -> None:
        super().__init__(
            data,
            attempt=attempt,
            unsettled=unsettled,
            lease=lease,
            fence=token.fence,
            aborted=aborted,
            expired=expired,
        )
        self.queue = queue
        self.token = token
        self.task_id = task_id

    async def ack(self) -> None:
        """Have the store forget the message."""
        await self.queue.acknowledge(self.token)

    async def release(self, delay: float = 0) -> None:
        """Settle once, even if the caller is cancelled meanwhile."""
        await asyncio.shield(self.queue.release(self.token, delay))

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Settle once, even if the caller is cancelled meanwhile."""
        await asyncio.shield(self.queue.bury(self.token, reason, error))

    async def extend(self) -> None:
        """Renew this lease alone; a worker renews all of its leases by `renew_leases`."""
        if await renew_leases([self]):
            raise lease_lost()


async def renew_leases(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Renew the leases of deliveries in one call of `renew` for each queue and length of lease.

    Args:
        deliveries: other ones than `LeasedDelivery` are ignored.

    Returns:
        The deliveries whose leases are lost.
    """
    groups: dict[tuple[int, float], list[LeasedDelivery[object]]] = {}
    for delivery in deliveries:
        if isinstance(delivery, LeasedDelivery):
            key = (id(delivery.queue), delivery.lease or 0.0)
            groups.setdefault(key, []).append(delivery)
    lost: list[Delivery] = []
    for (_, lease), group in groups.items():
        answers = await group[0].queue.renew([each.token for each in group], lease)
        lost += [each for each, is_lost in zip(group, answers, strict=True) if is_lost]
    return lost


def lease_lost() -> LeaseLostError:
    """The error of a settlement by a worker that does not have the lease any more."""
    return LeaseLostError(reason=LEASE_LOST)
