"""SQLiteBroker: a durable queue in one file, for all processes of a machine."""

import logging
import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, nullcontext
from typing import Any, Final, Self, Unpack

from taskiq_core.abc.broker import LeaseRenewer
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.expiry import ExpiredDelivery, Undertaker
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_sqlite import inspecting
from taskiq_sqlite.aborting import request_abort, running_aborts
from taskiq_sqlite.codec import FetchedMessage
from taskiq_sqlite.database import Database, DatabaseSettings
from taskiq_sqlite.deliveries import SQLiteDelivery, renew_all, stream
from taskiq_sqlite.errors import MessageTooLargeError
from taskiq_sqlite.fetching import give_back, take_expired
from taskiq_sqlite.keeping import CLEANED, VACUUMED, clean, shrink
from taskiq_sqlite.location import read_url
from taskiq_sqlite.plugin import taskiq_register_brokers
from taskiq_sqlite.results import DATABASE_OPTIONS, DAY, SQLiteResultBackend, as_database
from taskiq_sqlite.sending import NewMessage, new_message, send
from taskiq_sqlite.settling import RECLAIMS, Burial, Hold, bury, reclaim
from taskiq_sqlite.transaction import Topic

logger = logging.getLogger(__name__)

LONGEST_LETTER_ID: Final = 19
"""Digits: SQLite's integers end there."""
LARGEST_MESSAGE: Final = 256 * 1024 * 1024
"""What `max_message_size` may be at most: SQLite's values have a limit."""
URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "lease": float,
    "result_ttl": float,
    "max_message_size": int,
    "poll_interval": float,
    **DATABASE_OPTIONS,
}
"""Options of `SQLiteBroker` that a URL may have, and what reads their values."""


class SQLiteBroker(AsyncBroker):
    """Keeps tasks in a SQLite file; any number of processes of one machine send and run them.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if it dies, the lease runs out and another worker gets it. Without a result
    backend of its own the broker keeps results in the same file.

    Args:
        path: the file, or a `Database` to share.
        result_backend: where results are kept; a `SQLiteResultBackend` on this file by default.
        task_id_generator: makes task ids.
        lease: seconds after which a message of a dead worker is another's; workers renew theirs.
        result_ttl: seconds that the default result backend keeps results; None for ever.
        max_message_size: bytes that one task may have.
        poll_interval: seconds after which to look for messages and results although nobody has said
            that there are any; matters where processes can't wake each other.
        options: of `Database`, where `path` is none.

    Raises:
        DatabaseFileError: the path is none of a file.
        ValueError: an option is out of range.
    """

    capabilities = taskiq_register_brokers()[0].capabilities

    def __init__(
        self,
        path: str | os.PathLike[str] | Database = "taskiq.db",
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        *,
        lease: float = 60.0,
        result_ttl: float | None = DAY,
        max_message_size: int = 16 * 1024 * 1024,
        poll_interval: float = 1.0,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        for name, value in (("lease", lease), ("poll_interval", poll_interval)):
            if not value > 0:  # also true for NaN
                raise ValueError(f"SQLiteBroker: {name} must be above 0, not {value}")
        if not 0 < max_message_size <= LARGEST_MESSAGE:
            raise ValueError(f"SQLiteBroker: max_message_size is 1 to {LARGEST_MESSAGE} bytes")
        self.database, self._is_owner = as_database(path, options)
        super().__init__(
            result_backend
            or SQLiteResultBackend(
                self.database, result_ttl=result_ttl, poll_interval=poll_interval
            ),
            task_id_generator,
        )
        self.lease = lease
        self.max_message_size = max_message_size
        self.poll_interval = poll_interval
        self.reclaim_interval = min(type(self).reclaim_interval, lease / 2)
        self._undertaker = Undertaker(lambda: self.result_backend)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `sqlite:///tasks.db`, or `sqlite:////var/lib/app/tasks.db?lease=30`.

        `lease`, `result_ttl`, `max_message_size`, `poll_interval` and the options of `Database` may
        be given.

        Raises:
            DatabaseFileError: the URL can't be understood.
        """
        path, found = read_url(url, URL_OPTIONS)
        return cls(path, **{**found, **options})

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Open the file, then what every broker does; may be called twice.

        Raises:
            DatabaseError: the file can't be used.
        """
        await self.database.open()
        await super().startup()

    async def shutdown(self) -> None:
        """Close the file, unless it is shared; may be called twice, and without `startup`."""
        async with AsyncExitStack() as stopping:
            if self._is_owner:
                stopping.push_async_callback(self.database.close)
            if not self._is_started and isinstance(self.result_backend, SQLiteResultBackend):
                # Results can be waited for without startup, too.
                stopping.push_async_callback(self.result_backend.shutdown)
            stopping.push_async_callback(super().shutdown)
            await self._undertaker.finish()

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message; returns when it is committed.

        Raises:
            DuplicateKeyError: another message with its unique key waits or runs.
            MessageTooLargeError: it is larger than `max_message_size`.
            SendTaskError: a label has no value that it can have.
            DatabaseError: the file can't be used.
        """
        await self.database.write(send, [self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages in one transaction, all or none; raises what `kick` does."""
        if messages:
            await self.database.write(send, [self._checked(message) for message in messages])

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message)

    # -- receiving ----------------------------------------------------------------------------

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; fetches as many at once as there are slots, and never more."""
        return stream(
            self.database,
            slots,
            lease=self.lease,
            poll_interval=self.poll_interval,
            on_expired=self._end_expired,
            wait_for_room=self._undertaker.wait_for_room,
        )

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries to a caller that says nothing of its slots; fetches one by one."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew the leases of deliveries of this broker in one statement; returns the lost ones."""
        own = [each for each in deliveries if isinstance(each, SQLiteDelivery)]
        return list(await renew_all(self.database, own))

    def lease_renewer(self) -> LeaseRenewer:
        """Renew in any thread: the writer's thread takes calls of all event loops."""
        return nullcontext(self.renew_leases)

    async def reclaim(self) -> int:
        """Have deliveries whose lease ran out delivered again; and bury what has expired.

        Also deletes expired results and gives free space back to the file system, a little each
        time.
        """
        total = count = await self.database.write(reclaim, RECLAIMS)
        while count == RECLAIMS:
            count = await self.database.write(reclaim, RECLAIMS)
            total += count
        if self._undertaker.has_room:
            found = await self.database.write(take_expired, self.lease, undo=give_back)
            self._end_expired(found.expired)
        while await self.database.write(clean, CLEANED) >= CLEANED:
            pass  # a lot each time, so that others get their turn
        await self.database.write(shrink, VACUUMED)
        return total

    def _end_expired(self, messages: Sequence[FetchedMessage]) -> None:
        self._undertaker.take([self._expired(message) for message in messages])

    def _expired(self, message: FetchedMessage) -> ExpiredDelivery:
        async def move(reason: str, error: str) -> None:
            hold = Hold(message.message_id, message.fence)
            await self.database.write(bury, Burial(hold, reason, error))

        return ExpiredDelivery(
            task_id=message.task_id or "",  # what can't be read does not expire
            task_name=message.task_name,
            fence=message.fence,
            expires=message.expires_after or 0.0,
            bury=move,
        )

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a task's message as aborted, and wake the worker that has it."""
        return await self.database.write(request_abort, task_id)

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of running tasks whose abort is asked for, those of other workers too."""
        with self.database.listen(Topic.ABORTS) as listener:
            told: set[int] = set()
            while True:
                listener.clear()
                running = await self.database.read(running_aborts, None)
                for fence in running.keys() - told:
                    yield running[fence]
                told = set(running)
                await listener.wait(self.poll_interval)

    # -- the queue as operators see it --------------------------------------------------------

    async def stats(self) -> QueueStats:
        """How many messages wait, are delivered, delayed and dead."""
        return await self.database.read(inspecting.count, None)

    async def purge(self) -> int:
        """Drop all messages that wait or are delayed, a thousand at a time; how many there were."""
        newest = await self.database.read(inspecting.newest, None)
        total = 0
        while count := await self.database.write(inspecting.purge, newest):
            total += count
        return total

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """Messages that were buried, those buried first first."""
        return await self.database.read(inspecting.letters, inspecting.Page(limit, offset))

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Queue dead letters again, as first attempts without a result; how many there were.

        Those whose unique key another message has stay where they are.
        """
        count, unreadable = 0, list[int]()
        async for ids in self._letters(letter_ids):
            done = await self.database.write(inspecting.replay, ids)
            count += done.count
            unreadable += done.unreadable
        if unreadable:
            stay = ", ".join(map(str, unreadable))
            logger.warning("Dead letters that can't be read are not replayed: %s", stay)
        return count

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters; how many there were."""
        count = 0
        async for ids in self._letters(letter_ids):
            count += await self.database.write(inspecting.purge_letters, ids)
        return count

    async def _letters(
        self, letter_ids: Collection[str] | None
    ) -> AsyncGenerator[Sequence[int], None]:
        """Ids of letters, in lots; those that can't be ids are left out."""
        if letter_ids is not None:
            numbers = {int(text) for text in set(letter_ids) if _is_letter_id(text)}
            yield sorted(numbers)
            return
        last = 0
        while ids := await self.database.read(inspecting.letter_ids_after, last):
            yield ids
            last = ids[-1]


def _is_letter_id(text: str) -> bool:
    return text.isdecimal() and len(text) < LONGEST_LETTER_ID
