"""The deliveries of a file: made from rows, settled and renewed by the operations of the queue."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeAlias

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal
from taskiq_sqlite.queue.codec import FetchedMessage
from taskiq_sqlite.queue.fetch import (
    FetchedBatch,
    FetchRequest,
    Unstarted,
    fetch,
    fetch_expired,
    give_back,
)
from taskiq_sqlite.queue.settle import (
    Burial,
    Release,
    RenewRequest,
    Token,
    acknowledge,
    bury,
    release,
    renew,
)
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.notify import Wakeup

SQLiteDelivery: TypeAlias = LeasedDelivery[int]
"""A message of a file, leased to this worker."""


class Leases:
    """Settles and renews the deliveries of one file.

    Args:
        database: the file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acknowledge(self, token: Token) -> Awaitable[None]:
        """Forget the message."""
        return self._database.submit(acknowledge, token)

    async def release(self, token: Token, delay: float) -> None:
        """Queue the message again."""
        await self._database.write(release, Release(token, delay))

    async def bury(self, token: Token, reason: str, error: str | None) -> None:
        """Move the message to the dead letters.

        Args:
            token: of the delivery.
            reason: why the message is buried.
            error: text of the last exception, if there was one.
        """
        await self._database.write(bury, Burial(token, reason, error))

    async def renew(self, tokens: Sequence[Token], lease: float) -> Sequence[Renewal]:
        """Extend leases in one transaction."""
        return await self._database.write(renew, RenewRequest(tokens, lease))

    async def expired(self, lease: float) -> list[SQLiteDelivery]:
        """Lease some expired messages, to be refused."""
        batch = await self._database.write(fetch_expired, lease, undo=give_back)
        return self.deliveries(batch, lease)

    def deliveries(self, batch: FetchedBatch, lease: float) -> list[SQLiteDelivery]:
        """Make the deliveries of a fetch, expired messages last."""
        made = [self._delivery(message, lease, is_expired=False) for message in batch.messages]
        made += [self._delivery(message, lease, is_expired=True) for message in batch.expired]
        return made

    def _delivery(
        self, message: FetchedMessage, lease: float, *, is_expired: bool
    ) -> SQLiteDelivery:
        return LeasedDelivery(
            message.body,
            queue=self,
            token=LeaseToken(message.message_id, message.fence),
            task_id=message.task_id,
            attempt=message.attempt,
            unsettled=message.unsettled,
            lease=lease,
            aborted=message.aborted > 0,
            expired=is_expired,
            unreadable=message.unreadable,
        )


class QueueReader:
    """What the fetch loop of one worker asks of a file.

    Args:
        database: the file.
        leases: makes the deliveries.
        wakeup: set when there are messages.
        lease: seconds that the worker gets messages for.
    """

    def __init__(self, database: Database, leases: Leases, wakeup: Wakeup, *, lease: float) -> None:
        self._database = database
        self._leases = leases
        self._wakeup = wakeup
        self._lease = lease

    async def fetch(self, limit: int) -> Fetched[SQLiteDelivery]:
        """Lease the next messages in one transaction."""
        self._wakeup.clear()
        request = FetchRequest(limit, self._lease)
        batch = await self._database.write(fetch, request, undo=give_back)
        return Fetched(self._leases.deliveries(batch, self._lease), batch.wait)

    async def wait(self, seconds: float) -> None:
        """Wait for a notification."""
        await self._wakeup.wait(seconds)

    async def give_back(self, deliveries: Sequence[SQLiteDelivery]) -> None:
        """Return deliveries in one transaction."""
        started = _tokens(each for each in deliveries if not each.expired)
        expired = _tokens(each for each in deliveries if each.expired)
        await self._database.write(give_back, Unstarted(started, expired))


def _tokens(deliveries: Iterable[SQLiteDelivery]) -> list[Token]:
    return [delivery.token for delivery in deliveries]
