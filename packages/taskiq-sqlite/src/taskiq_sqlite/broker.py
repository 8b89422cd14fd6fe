"""SQLiteBroker: a durable queue in one file, for all processes of a machine."""

import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Self, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import renew_leases
from taskiq_core.exceptions import MessageTooLargeError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_sqlite.delivery import Leases, QueueReader
from taskiq_sqlite.options import (
    BROKER_URL,
    CAPABILITIES,
    DAY,
    DEFAULT_PATH,
    MAX_FETCH,
    read_url,
    require_message_size,
    require_positive,
)
from taskiq_sqlite.queue import abort, admin, dead_letters
from taskiq_sqlite.queue.enqueue import NewMessage, enqueue, new_message
from taskiq_sqlite.queue.settle import reclaim_all
from taskiq_sqlite.results import SQLiteResultBackend
from taskiq_sqlite.storage.database import Database, DatabaseSettings, as_database
from taskiq_sqlite.storage.maintenance import maintain
from taskiq_sqlite.storage.transaction import Topic


class SQLiteBroker(AsyncBroker):
    """Keeps tasks in a SQLite file; any number of processes of one machine send and run them.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if the worker dies, the lease runs out and another worker gets the task. Without
    another result backend, results are kept in the same file.

    Args:
        path: the file, or a `Database` to share.
        result_backend: where results are kept; a `SQLiteResultBackend` on this file by default.
        task_id_generator: makes task ids.
        lease: seconds after which another worker gets a message of a dead one; workers renew
            their leases.
        result_ttl: seconds that the default result backend keeps results; None for ever.
        max_message_size: bytes that one task may have.
        poll_interval: seconds after which to look for messages and results although no
            notification came; matters where processes can't notify each other.
        options: of `Database`, where `path` is not one.

    Raises:
        DatabaseFileError: `path` does not name a file.
        ValueError: an option is out of range.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        path: str | os.PathLike[str] | Database = DEFAULT_PATH,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        *,
        lease: float = 60.0,
        result_ttl: float | None = DAY,
        max_message_size: int = 16 * 1024 * 1024,
        poll_interval: float = 1.0,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive("SQLiteBroker", {"lease": lease, "poll_interval": poll_interval})
        require_message_size(max_message_size)
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
        self._leases = Leases(self.database)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `sqlite:///tasks.db`, or `sqlite:////var/lib/app/tasks.db?lease=30`.

        The URL may have `lease`, `result_ttl`, `max_message_size`, `poll_interval` and the options
        of `Database`.

        Raises:
            DatabaseFileError: the URL can't be read.
        """
        path, found = read_url(url, BROKER_URL)
        return cls(path, **{**found, **options})

    # -- start and end ------------------------------------------------------------------------

    async def startup(self) -> None:
        """Open the file, then do what every broker does; may be called twice.

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

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message in a transaction that is committed when this returns.

        Raises:
            DuplicateKeyError: another message with its unique key waits or runs.
            MessageTooLargeError: it is larger than `max_message_size`.
            SendTaskError: a label has a value that it can't have.
            DatabaseError: the file can't be used.
        """
        await self.database.write(enqueue, [self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages in one transaction, all or none; raises what `kick` does."""
        if messages:
            await self.database.write(enqueue, [self._checked(message) for message in messages])

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message)

    # -- receiving ----------------------------------------------------------------------------

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; one transaction fetches several messages where slots are free."""
        with self.database.wakeup(Topic.MESSAGES) as wakeup:
            reader = QueueReader(self.database, self._leases, wakeup, lease=self.lease)
            loop = fetch_loop(
                reader,
                slots,
                poll_interval=self.poll_interval,
                max_fetch=MAX_FETCH,
                share=1.0,
                undoes_cancelled_fetch=True,
            )
            async with aclosing(loop) as deliveries:
                async for delivery in deliveries:
                    yield delivery

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one; each is leased when it is asked for."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew all leases in one transaction."""
        return await renew_leases(deliveries)

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Reclaim leases that ran out; also delete expired results and return free space."""
        count = await reclaim_all(self.database)
        await maintain(self.database)
        return count

    async def expire_queued(self) -> Sequence[Delivery]:
        """Lease some expired messages."""
        return await self._leases.expired(self.lease)

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark the messages of a task, and notify the worker that has one."""
        return await self.database.write(abort.request_abort, task_id)

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of running tasks that are to be aborted, those of other workers, too."""
        with self.database.wakeup(Topic.ABORTS) as wakeup:
            yielded: set[int] = set()
            while True:
                wakeup.clear()
                running = await self.database.read(abort.running_aborts, None)
                for fence in running.keys() - yielded:
                    yield running[fence]
                yielded = set(running)
                await wakeup.wait(self.poll_interval)

    # -- operators ----------------------------------------------------------------------------

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count the messages by their state."""
        return await self.database.read(admin.count, None)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop messages a thousand at a time, but no message that is sent meanwhile."""
        return await admin.purge(self.database)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return a part of the dead letters."""
        return await self.database.read(dead_letters.letters, dead_letters.Page(limit, offset))

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, and forget their results.

        A letter stays if another message has its unique key, or if it can't be read.
        """
        return await dead_letters.replay_all(self.database, letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters a thousand at a time."""
        return await dead_letters.purge_all(self.database, letter_ids)
