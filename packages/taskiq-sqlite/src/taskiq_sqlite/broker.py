"""SQLiteBroker: a durable queue in one file, for all processes of a machine."""

import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, aclosing, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, Self, Unpack

from taskiq_core.abc.broker import LeaseRenewer
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import renew_leases
from taskiq_core.exceptions import MessageTooLargeError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_sqlite.claims import FileClaims
from taskiq_sqlite.delivery import Leases, QueueReader, QueueTurns
from taskiq_sqlite.options import (
    BROKER_URL,
    CAPABILITIES,
    CLAIM_MEMORY,
    DAY,
    DEFAULT_PATH,
    MAX_FETCH,
    read_url,
    require_message_size,
    require_positive,
)
from taskiq_sqlite.queue import abort, admin, dead_letters, pages
from taskiq_sqlite.queue.enqueue import NewMessage, enqueue, new_message
from taskiq_sqlite.queue.fetch import EXPIRIES, FetchRequest
from taskiq_sqlite.queue.settle import reclaim_all
from taskiq_sqlite.queue.states import ALL_QUEUES, DEFAULT
from taskiq_sqlite.results import SQLiteResultBackend
from taskiq_sqlite.storage import history_rows, worker_rows
from taskiq_sqlite.storage.database import Database, DatabaseSettings, as_database
from taskiq_sqlite.storage.maintenance import maintain
from taskiq_sqlite.storage.tick_rows import OF_BROKER
from taskiq_sqlite.storage.transaction import Topic

logger = get_logger(__name__)


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
        history: how much is kept of deliveries that have ended; None for nothing.
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
        history: HistoryOptions | None = None,
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
        self.history = history
        self._leases = Leases(self.database, lease=lease)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `sqlite:///tasks.db`, or `sqlite:////var/lib/app/tasks.db?lease=30`.

        The URL may have `lease`, `result_ttl`, `max_message_size`, `poll_interval`, `history` (the
        number of deliveries) and the options of `Database`.

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
        self.database.may_create &= self.may_create
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
        return new_message(message, default_queue=self.queue_name)

    # -- receiving ----------------------------------------------------------------------------

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; one transaction fetches several messages, from several queues."""
        with self.database.wakeup(Topic.MESSAGES) as wakeup:
            reader = QueueReader(self._leases, wakeup, self._fetch_request(), self._turns())
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

    def _fetch_request(self) -> FetchRequest:
        return FetchRequest(limit=1, lease=self.lease, owner=self.worker_id)

    def _turns(self) -> QueueTurns | None:
        """Return the turns of the worker's queues; None where it has only the default queue."""
        return None if self.queues is None else QueueTurns(self.queues, self._stored)

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew all leases in one transaction."""
        return await renew_leases(deliveries)

    def lease_renewer(self) -> LeaseRenewer:
        """Renew in any thread: the writer's thread takes calls of all event loops."""
        return nullcontext(self.renew_leases)

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Reclaim messages; on the timer, also delete expired results and return free space."""
        count = await reclaim_all(self.database, owner)
        if owner is None:
            await maintain(self.database)
            await admin.correct_counters(self.database)
        return count

    async def expire_queued(self) -> Sequence[Delivery]:
        """Lease some expired messages of all queues."""
        request = replace(self._fetch_request(), limit=EXPIRIES, queues=ALL_QUEUES)
        return await self._leases.fetch_expired(request)

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

    # -- claims -------------------------------------------------------------------------------

    def tick_claims(self, *, lease: float = 60.0) -> FileClaims:
        """Return the claims of this file; `SQLiteScheduleSource` keeps its claims apart."""
        return FileClaims(self.database, OF_BROKER, lease=lease, memory=CLAIM_MEMORY)

    # -- operators ----------------------------------------------------------------------------

    def _stored(self, queue: str | None) -> str:
        return DEFAULT if queue in (None, self.queue_name) else queue

    async def queue_names(self) -> Sequence[str]:
        """Return the queues of the file in the order of their names."""
        found = await self.database.read(admin.names, None)
        return [self.queue_name, *(name for name in found if name != DEFAULT)]

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count messages; the oldest is that of the 64 highest priorities."""
        return await self.database.read(admin.count, self._stored(queue))

    async def messages(
        self,
        state: MessageState,
        *,
        queue: str | None = None,
        where: MessageFilter = ALL_MESSAGES,
        after: str | None = None,
        limit: int = 100,
        with_body: bool = False,
    ) -> MessagePage:
        """Return a page of at most 1,000 messages; a filter looks through as many for each page."""
        pages.parse_key(state, after)
        stored = self._stored(queue)
        name = queue or self.queue_name
        request = pages.PageRequest(state, stored, name, where, after, limit, with_body)
        return await self.database.write(pages.page, request)

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Have a delayed message wait as if it had been due now."""
        return await self.database.write(
            pages.move_to_now, pages.Move(task_id, self._stored(queue))
        )

    async def pause(self, *, queue: str | None = None) -> None:
        """Pause a queue from the next fetch on; its expired messages are refused all the same."""
        await self.database.write(admin.pause, admin.Pause(self._stored(queue), is_paused=True))

    async def resume(self, *, queue: str | None = None) -> None:
        """Let a queue go on, and notify the workers."""
        await self.database.write(admin.pause, admin.Pause(self._stored(queue), is_paused=False))

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether a queue is paused."""
        return await self.database.read(admin.is_paused, self._stored(queue))

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop messages a thousand at a time, but no message that is sent meanwhile."""
        return await admin.purge(self.database, self._stored(queue))

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return a part of the dead letters."""
        page = dead_letters.Page(self._stored(queue), limit, offset)
        return await self.database.read(dead_letters.letters, page)

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, and forget their results.

        A letter stays if another message has its unique key, or if it can't be read.
        """
        return await dead_letters.replay_all(self.database, self._stored(queue), letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters a thousand at a time."""
        return await dead_letters.purge_all(self.database, self._stored(queue), letter_ids)

    # -- workers and history ------------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker of this machine."""
        stored = worker_rows.StoredWorker(record.worker_id, record.model_dump_json(), ttl)
        await self.database.write(worker_rows.announce, stored)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker."""
        await self.database.write(worker_rows.withdraw, worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records; one that can't be read is left out, with a warning in the log."""
        found: list[WorkerRecord] = []
        for body in await self.database.read(worker_rows.all_workers, None):
            try:
                found.append(WorkerRecord.model_validate_json(body))
            except ValueError as error:
                logger.warning("The record of a worker can't be read: %s", error)
        return found

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep deliveries and counters, and drop what is beyond the option `history`."""
        if self.history is None:
            raise self._lacks_history("keep history without its option `history`")
        additions = history_rows.Additions(deliveries, counters, self.history)
        await self.database.write(history_rows.add, additions)

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of what any process kept, also where this one keeps nothing."""
        history_rows.parse_key(after)
        request = history_rows.PastRequest(task_name, task_id, end, after, limit)
        return await self.database.read(history_rows.past, request)

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return the counters that any process kept."""
        request = history_rows.CountersRequest(since, task_name)
        return await self.database.read(history_rows.counters_since, request)
