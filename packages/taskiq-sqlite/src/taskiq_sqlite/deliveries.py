"""The stream of deliveries to one worker."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots
from taskiq_sqlite.codec import FetchedMessage
from taskiq_sqlite.database import Database
from taskiq_sqlite.fetching import Fetched, FetchRequest, fetch, give_back
from taskiq_sqlite.settling import (
    Burial,
    Hold,
    Release,
    Renewal,
    acknowledge,
    bury,
    release,
    renew,
)
from taskiq_sqlite.transaction import Topic

MAX_FETCH: Final = 100
"""Messages of one fetch, for workers without a limit of their own."""


class SQLiteDelivery(Delivery):
    """One message, leased to this worker."""

    __slots__ = ("_database", "hold")

    def __init__(self, message: FetchedMessage, database: Database, lease: float) -> None:
        super().__init__(
            message.body,
            attempt=message.attempt,
            unsettled=message.unsettled,
            lease=lease,
            fence=message.fence,
            aborted=message.aborted > 0,
            task_id=message.task_id,
            unreadable=message.unreadable,
        )
        self.hold = Hold(message.message_id, message.fence)
        self._database = database

    async def ack(self) -> None:
        """Done: forget the message; LeaseLostError if it is another's by now."""
        await self._database.write(acknowledge, self.hold)

    async def release(self, delay: float = 0) -> None:
        """Give the message back; LeaseLostError if it is another's by now."""
        await self._database.write(release, Release(self.hold, delay))

    async def extend(self) -> None:
        """Renew the lease; LeaseLostError if the message is another's by now."""
        if await renew_all(self._database, [self]):
            raise LeaseLostError(reason="it ran out, and the message was reclaimed")

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Move the message to the dead letters; LeaseLostError if it is another's by now."""
        await self._database.write(bury, Burial(self.hold, reason, error))


async def renew_all(
    database: Database, deliveries: Sequence[SQLiteDelivery]
) -> list[SQLiteDelivery]:
    """Renew leases, each kind at once, and mark what is to be aborted; returns what is lost."""
    lost: set[Hold] = set()
    aborted: set[Hold] = set()
    for lease in {delivery.lease for delivery in deliveries}:
        holds = [delivery.hold for delivery in deliveries if delivery.lease == lease]
        renewed = await database.write(renew, Renewal(holds, lease or 0.0))
        lost |= renewed.lost
        aborted |= renewed.aborted
    for delivery in deliveries:
        if delivery.hold in aborted:
            delivery.aborted = True
    return [delivery for delivery in deliveries if delivery.hold in lost]


async def stream(
    database: Database,
    slots: Slots,
    *,
    lease: float,
    poll_interval: float,
    on_expired: Callable[[list[FetchedMessage]], None],
    wait_for_room: Callable[[], Awaitable[None]],
) -> AsyncGenerator[Delivery, None]:
    """Yield deliveries, as many at once as there are slots, and sleep while there are none.

    Args:
        database: where the queue is.
        slots: the room that the worker has.
        lease: seconds that it gets messages for.
        poll_interval: seconds after which to look although nothing has rung.
        on_expired: called with messages that must not be delivered.
        wait_for_room: waits until that may be called with more.
    """
    with database.listen(Topic.MESSAGES) as listener:
        while True:
            await wait_for_room()
            await slots.wait_free()
            listener.clear()
            request = FetchRequest(min(slots.free, MAX_FETCH), lease)
            fetched = await database.write(fetch, request, undo=give_back)
            if fetched.expired:
                on_expired(fetched.expired)
            waiting = deque(fetched.messages)
            try:
                while waiting:
                    yield SQLiteDelivery(waiting.popleft(), database, lease)
            finally:
                if waiting:
                    database.post(give_back, Fetched(list(waiting)))
            if not (fetched.messages or fetched.expired):
                pause = poll_interval if fetched.wait is None else fetched.wait
                await listener.wait(min(pause, poll_interval))
