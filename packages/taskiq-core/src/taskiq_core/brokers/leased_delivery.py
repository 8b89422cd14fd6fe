"""LeasedDelivery: a delivery that the store identifies by a token."""

import asyncio
from collections.abc import Awaitable, Sequence
from enum import IntEnum
from typing import Any, Final, Generic, Protocol, cast

from taskiq_core.brokers.lease_token import LeaseToken, MessageId
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery

LEASE_LOST: Final = "it ran out and the message was reclaimed, or it was settled before"


class Renewal(IntEnum):
    """What came of the renewal of one lease."""

    DONE = 0
    LOST = 1
    """The store knows a later delivery of the message, or none."""
    ABORTED = 2
    """The lease is renewed, and the abort of the task was asked for."""


class LeasedQueue(Protocol[MessageId]):
    """What a store does with the deliveries that it made.

    Each method returns when the store has it. `acknowledge`, `release` and `bury` raise
    `lease_lost()` where the store knows a later delivery of the message, or none.
    """

    def acknowledge(self, token: LeaseToken[MessageId], /) -> Awaitable[None]:
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

    async def renew(
        self, tokens: Sequence[LeaseToken[MessageId]], lease: float
    ) -> Sequence[Renewal]:
        """Extend leases to `lease` seconds from now.

        Returns:
            What came of each token, in their order.
        """
        ...


class FailureCountingQueue(LeasedQueue[MessageId], Protocol[MessageId]):
    """A store that keeps how often the task of a message has failed."""

    async def release(
        self, token: LeaseToken[MessageId], delay: float, failures: int | None = None
    ) -> None:
        """Queue the message again, and keep `failures` for its next delivery; None changes none."""


class LeasedDelivery(Delivery, Generic[MessageId]):
    """A delivery whose calls go to its queue, with the token that proves the lease.

    Args:
        data: the message's bytes, as `kick` was given them.
        queue: the store that made the delivery.
        token: the store's name for this delivery; its fence is the delivery's.
        task_id: of the message; None where the store's record of it can't be read.
        attempt: 1 on the first delivery.
        unsettled: how many earlier deliveries ended without being settled.
        failures: how often the task has failed, where `queue` is a `FailureCountingQueue`; None
            where it does not count.
        lease: seconds until the store takes the message back.
        aborted: whether the abort of the task was asked for before this delivery.
        expired: whether the message is delivered only to be refused, as it waited for too long.
        unreadable: what of the store's record can't be read; the delivery is only to be buried.
    """

    __slots__ = ("queue", "token")

    def __init__(
        self,
        data: bytes,
        *,
        queue: LeasedQueue[MessageId],
        token: LeaseToken[MessageId],
        task_id: str | None,
        attempt: int,
        unsettled: int,
        lease: float,
        failures: int | None = None,
        aborted: bool = False,
        expired: bool = False,
        unreadable: str | None = None,
    ) -> None:
        super().__init__(
            data,
            attempt=attempt,
            unsettled=unsettled,
            failures=failures,
            lease=lease,
            fence=token.fence,
            aborted=aborted,
            expired=expired,
            task_id=task_id,
            unreadable=unreadable,
        )
        self.queue = queue
        self.token = token

    async def ack(self) -> None:
        """Have the store forget the message."""
        await self.queue.acknowledge(self.token)

    async def release(self, delay: float = 0) -> None:
        """Settle once, even if the caller is cancelled meanwhile."""
        if self.failures is None:
            released = self.queue.release(self.token, delay)
        else:
            counting = cast("FailureCountingQueue[MessageId]", self.queue)
            released = counting.release(self.token, delay, self.failures)
        await asyncio.shield(released)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Settle once, even if the caller is cancelled meanwhile."""
        await asyncio.shield(self.queue.bury(self.token, reason, error))

    async def extend(self) -> None:
        """Renew this lease alone; a worker renews all of its leases by `renew_leases`."""
        if await renew_leases([self]):
            raise lease_lost()


async def renew_leases(
    deliveries: Sequence[Delivery], *, queue: LeasedQueue[Any] | None = None
) -> list[Delivery]:
    """Renew the leases of deliveries in one call of `renew` for each queue and length of lease.

    Sets `aborted` of the deliveries whose abort was asked for.

    Args:
        deliveries: other ones than `LeasedDelivery` are ignored.
        queue: renews all of them, in place of the queues that made them: in another event loop
            than theirs, the queue of that loop (`AbstractBroker.lease_renewer`).

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
        answers = await (queue or group[0].queue).renew([each.token for each in group], lease)
        for each, renewal in zip(group, answers, strict=True):
            if renewal is Renewal.LOST:
                lost.append(each)
            elif renewal is Renewal.ABORTED:
                each.aborted = True
    return lost


def lease_lost() -> LeaseLostError:
    """The error of a settlement by a worker that does not have the lease any more."""
    return LeaseLostError(reason=LEASE_LOST)
