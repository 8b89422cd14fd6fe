"""The stream of deliveries to one worker."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from taskiq_core.exceptions import BrokerError, LeaseLostError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots
from taskiq_redis.messages import (
    ExpiredMessage,
    Fetched,
    LeasedMessage,
    stored_task,
)
from taskiq_redis.queue import Hold, RedisQueue, Renewal

MAX_FETCH: Final = 500
"""Messages of one fetch, for workers without a limit of their own."""


class RedisDelivery(Delivery):
    """One message, leased to this worker."""

    __slots__ = ("_queue", "hold")

    def __init__(self, message: LeasedMessage, queue: RedisQueue, lease: float) -> None:
        task = stored_task(message.message_id, message.record, message.problem)
        super().__init__(
            task.body,
            attempt=message.attempt,
            unsettled=message.unsettled,
            lease=lease,
            fence=message.fence,
            aborted=bool(message.aborted),
            task_id=task.task_id,
            unreadable=task.unreadable,
        )
        self.hold = Hold(message.message_id, message.fence)
        self._queue = queue

    async def ack(self) -> None:
        """Done: forget the message; LeaseLostError if it is another's by now."""
        await self._queue.acknowledge(self.hold)

    async def release(self, delay: float = 0) -> None:
        """Give the message back; LeaseLostError if it is another's by now."""
        await asyncio.shield(self._queue.release(self.hold, delay))

    async def extend(self) -> None:
        """Renew the lease; LeaseLostError if the message is another's by now."""
        if await renew_all(self._queue, [self]):
            raise LeaseLostError(reason="it ran out, and the message was reclaimed")

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Move the message to the dead letters; LeaseLostError if it is another's by now."""
        await self._queue.bury(self.hold, reason, error)


async def renew_all(queue: RedisQueue, deliveries: Sequence[RedisDelivery]) -> list[Delivery]:
    """Renew leases, and mark what is to be aborted; returns those that are lost."""
    if not deliveries:
        return []
    lease = deliveries[0].lease or 0.0
    renewals = await queue.renew([delivery.hold for delivery in deliveries], lease)
    lost: list[Delivery] = []
    for delivery, renewal in zip(deliveries, renewals, strict=True):
        if renewal is Renewal.LOST:
            lost.append(delivery)
        elif renewal is Renewal.ABORTED:
            delivery.aborted = True
    return lost


async def stream(
    queue: RedisQueue,
    slots: Slots,
    *,
    lease: float,
    poll_interval: float,
    on_expired: Callable[[Sequence[ExpiredMessage]], None],
    wait_for_room: Callable[[], Awaitable[None]],
) -> AsyncGenerator[Delivery, None]:
    """Yield deliveries, as many at once as there are slots, and sleep while there are none.

    Args:
        queue: whose messages they are.
        slots: the room that the worker has.
        lease: seconds that it gets messages for.
        poll_interval: seconds after which to look although the bell has not rung.
        on_expired: called with messages that must not be delivered.
        wait_for_room: waits until that may be called with more.
    """
    while True:
        await wait_for_room()
        await slots.wait_free()
        # Half of what there could be: while the tasks of one half end, the other half is fetched.
        most = min(max(slots.limit // 2, 1), MAX_FETCH)
        found = await _fetch(queue, min(slots.free, most), lease)
        if found.expired:
            on_expired(found.expired)
        waiting = deque(found.leased)
        try:
            while waiting:
                yield RedisDelivery(waiting.popleft(), queue, lease)
        finally:
            if waiting:
                await asyncio.shield(_give_back(queue, waiting))
        if not (found.leased or found.expired):
            pause = poll_interval if found.wait is None else min(found.wait, poll_interval)
            # 0 would be for ever.
            await queue.wait(max(pause, 0.001))


async def _fetch(queue: RedisQueue, limit: int, lease: float) -> Fetched:
    """Fetch; what comes when nobody wants it any more is given back."""
    fetching = asyncio.ensure_future(queue.fetch(limit, lease))
    try:
        return await asyncio.shield(fetching)
    except asyncio.CancelledError:
        with contextlib.suppress(BrokerError):
            await asyncio.shield(_give_back_all(queue, fetching))
        raise


async def _give_back_all(queue: RedisQueue, fetching: "asyncio.Future[Fetched]") -> None:
    await _give_back(queue, (await fetching).leased)


async def _give_back(
    queue: RedisQueue, messages: Sequence[LeasedMessage] | deque[LeasedMessage]
) -> None:
    # The last one first, so that they stand in line as they did. Those that fail run out of lease.
    holds = (Hold(message.message_id, message.fence) for message in reversed(messages))
    await asyncio.gather(*map(queue.give_back, holds), return_exceptions=True)
