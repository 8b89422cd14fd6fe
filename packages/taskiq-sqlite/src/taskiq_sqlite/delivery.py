"""The deliveries of a file: made from rows, settled and renewed by the operations of the queue."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal
from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.messages.queue_selection import QueueSelection
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
        lease: seconds that a worker gets messages for.
    """

    def __init__(self, database: Database, *, lease: float) -> None:
        self._database = database
        self._lease = lease

    def acknowledge(self, token: Token) -> Awaitable[None]:
        """Forget the message."""
        return self._database.submit(acknowledge, token)

    async def release(self, token: Token, delay: float, failures: int | None = None) -> None:
        """Queue the message again.

        Args:
            token: the lease on the message.
            delay: seconds until it is due.
            failures: how often its task has failed; None for as often as before.
        """
        await self._database.write(release, Release(token, delay, failures))

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

    async def fetch(self, request: FetchRequest) -> FetchedBatch:
        """Lease the next messages in one transaction, which is undone if it is cancelled."""
        return await self._database.write(fetch, request, undo=give_back)

    async def fetch_expired(self, request: FetchRequest) -> list[SQLiteDelivery]:
        """Lease some expired messages, to be refused."""
        batch = await self._database.write(fetch_expired, request, undo=give_back)
        return self.deliveries(batch)

    async def give_back(self, deliveries: Sequence[SQLiteDelivery]) -> None:
        """Return unstarted deliveries in one transaction."""
        started = _tokens(each for each in deliveries if not each.expired)
        expired = _tokens(each for each in deliveries if each.expired)
        await self._database.write(give_back, Unstarted(started, expired))

    def deliveries(self, batch: FetchedBatch) -> list[SQLiteDelivery]:
        """Make the deliveries of a fetch, expired messages last."""
        made = [self._delivery(message, is_expired=False) for message in batch.messages]
        made += [self._delivery(message, is_expired=True) for message in batch.expired]
        return made

    def _delivery(self, message: FetchedMessage, *, is_expired: bool) -> SQLiteDelivery:
        return LeasedDelivery(
            message.body,
            queue=self,
            token=LeaseToken(message.message_id, message.fence),
            task_id=message.task_id,
            attempt=message.attempt,
            unsettled=message.unsettled,
            failures=message.failures,
            lease=self._lease,
            aborted=message.aborted > 0,
            expired=is_expired,
            unreadable=message.unreadable,
        )


class QueueTurns:
    """The order of a worker's queues, by the names that are stored.

    Args:
        selection: the queues.
        stored: returns how a name is stored.
    """

    def __init__(self, selection: QueueSelection, stored: Callable[[str], str]) -> None:
        self._order = QueueOrder(selection)
        self._stored = {name: stored(name) for name in selection.weights}
        self._names = {stored: name for name, stored in self._stored.items()}

    def queues(self) -> Sequence[str]:
        """Return the queues in the order of the next fetch."""
        return [self._stored[name] for name in self._order.queues()]

    def served(self, queue: str | None) -> None:
        """Say which queue was the first with messages; None if no queue had any."""
        self._order.served(None if queue is None else self._names[queue])


class QueueReader:
    """What the fetch loop of one worker asks of a file.

    Args:
        leases: of the file.
        wakeup: set when there are messages.
        request: what the worker asks for, but for the limit and the order of each fetch.
        turns: of the worker's queues; None where it has only the default queue.
    """

    def __init__(
        self, leases: Leases, wakeup: Wakeup, request: FetchRequest, turns: QueueTurns | None
    ) -> None:
        self._leases = leases
        self._wakeup = wakeup
        self._request = request
        self._turns = turns

    async def fetch(self, limit: int) -> Fetched[SQLiteDelivery]:
        """Lease the next messages of the queues in their order."""
        self._wakeup.clear()
        queues = self._request.queues if self._turns is None else self._turns.queues()
        asked = self._request
        request = FetchRequest(limit, asked.lease, asked.owner, queues)
        batch = await self._leases.fetch(request)
        if self._turns is not None:
            self._turns.served(batch.queue)
        return Fetched(self._leases.deliveries(batch), batch.wait)

    async def wait(self, seconds: float) -> None:
        """Wait for a notification."""
        await self._wakeup.wait(seconds)

    async def give_back(self, deliveries: Sequence[SQLiteDelivery]) -> None:
        """Return deliveries in one transaction."""
        await self._leases.give_back(deliveries)


def _tokens(deliveries: Iterable[SQLiteDelivery]) -> list[Token]:
    return [delivery.token for delivery in deliveries]
