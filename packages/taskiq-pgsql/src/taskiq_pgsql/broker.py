"""PostgresBroker: a durable queue in a PostgreSQL database."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Self, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import renew_leases
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.exceptions import MessageTooLargeError
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
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_pgsql.claims import PostgresTickClaims, Scope
from taskiq_pgsql.options import (
    BROKER_URL,
    CAPABILITIES,
    CLAIM_MEMORY,
    DAY,
    DEFAULT_URL,
    read_url,
    require_message_size,
    require_positive,
)
from taskiq_pgsql.queue import abort, admin, dead_letters, history, presence
from taskiq_pgsql.queue.codec import Group, NewMessage, new_message
from taskiq_pgsql.queue.enqueue_in_transaction import TransactionEnqueuer
from taskiq_pgsql.queue.fetch import Fetcher
from taskiq_pgsql.queue.inspect import page_of_messages
from taskiq_pgsql.queue.postgres_queue import PostgresQueue
from taskiq_pgsql.result_store import clean
from taskiq_pgsql.results import PostgresResultBackend
from taskiq_pgsql.storage.database import DatabaseSettings, PostgresDatabase, as_database
from taskiq_pgsql.storage.notify import Topic
from taskiq_pgsql.storage.transaction import executor_of


class PostgresBroker(AsyncBroker):
    """Keeps tasks in PostgreSQL; nothing is lost when a worker, a client or the connection dies.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if the worker dies, the lease runs out and another worker gets the task. Without
    a result backend of its own the broker keeps results in the same database.

    Args:
        url: `postgresql://user:password@host:5432/database`, or a `PostgresDatabase` to share.
        result_backend: where results are kept; a `PostgresResultBackend` in this database by
            default.
        task_id_generator: makes task ids.
        queue_name: the default queue.
        lease: seconds after which another worker gets the message of a dead one; workers renew
            their leases.
        result_ttl: seconds that the default result backend keeps results; None for ever.
        max_message_size: bytes that one task may have.
        poll_interval: seconds after which a worker fetches although it was not woken.
        history: how many deliveries that have ended, and counters by minute, are kept; None for
            none.
        options: of `PostgresDatabase`, where `url` is not one: `schema`, `command_timeout`,
            `durability` and `connect_options`.

    Raises:
        PostgresUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        url: str | PostgresDatabase = DEFAULT_URL,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        *,
        queue_name: str = "default",
        lease: float = 60.0,
        result_ttl: float | None = DAY,
        max_message_size: int = 16 * 1024 * 1024,
        poll_interval: float = 5.0,
        history: HistoryOptions | None = None,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive("PostgresBroker", lease=lease, poll_interval=poll_interval)
        require_message_size(max_message_size)
        self.database, self._is_owner = as_database(url, options)
        super().__init__(
            result_backend
            or PostgresResultBackend(
                self.database, result_ttl=result_ttl, poll_interval=poll_interval
            ),
            task_id_generator,
        )
        self.queue_name = queue_name
        self.lease = lease
        self.reclaim_interval = min(type(self).reclaim_interval, lease / 2)
        self.max_message_size = max_message_size
        self.poll_interval = poll_interval
        self.history = history
        self._transaction: ContextVar[TransactionEnqueuer | None] = ContextVar(
            "transaction", default=None
        )
        self._queues = PerLoop(lambda: PostgresQueue(self.database.connections))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `postgresql://user:password@host:5432/database?lease=30`.

        The URL may have `queue_name`, `lease`, `result_ttl`, `max_message_size`, `poll_interval`,
        `history` (the number of deliveries), the options of `PostgresDatabase`, and those of
        asyncpg, such as `sslmode`.

        Raises:
            PostgresUrlError: the URL can't be understood.
        """
        address, found = read_url(url, BROKER_URL)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        address = self.database.server.address
        return f"{type(self).__name__}({address}, queue_name={self.queue_name!r})"

    @property
    def queue(self) -> PostgresQueue:
        """The queue as the running event loop sees it."""
        return self._queues.get()

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, and create or migrate the tables where that is needed and allowed.

        Raises:
            PostgresUnreachableError: the server can't be reached, or refuses the user.
            SchemaError: the tables are missing and may not be created, or are too new.
            PostgresRightsError: the role may not create the tables.
        """
        self.database.may_create &= self.may_create
        await self.database.open()
        await super().startup()

    async def shutdown(self) -> None:
        """Wait for the calls under way, and disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            await self._disconnect()

    async def _disconnect(self) -> None:
        if isinstance(self.result_backend, PostgresResultBackend):
            # Results can be waited for without startup, too.
            await self.result_backend.shutdown()
        queue = self._queues.pop()
        if queue is not None:
            await queue.wait_idle()
        if self._is_owner:
            await self.database.close()

    # -- sending ------------------------------------------------------------------------------

    @asynccontextmanager
    async def in_transaction(self, connection: Any) -> AsyncGenerator[None, None]:
        """Send inside the caller's own transaction: `async with broker.in_transaction(session):`.

        Args:
            connection: of asyncpg, psycopg 3 (synchronous or not) or Django; or a session or
                connection of SQLAlchemy 2 (asynchronous or not). Its transaction is open, and in
                the database that has the broker's tables.

        Raises:
            TransactionError: the connection is of another library, or has no transaction open.
        """
        enqueuer = TransactionEnqueuer(self.database.server, executor_of(connection))
        token = self._transaction.set(enqueuer)
        try:
            yield
        finally:
            enqueuer.close()
            self._transaction.reset(token)

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message.

        Raises:
            SendTaskError: the message is too large, a label has a value that it can't have, or the
                unique key is taken.
            PostgresUnreachableError: the server can't be reached; if the connection was lost
                meanwhile, the server may have the message.
        """
        await self._send([self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages, all or none; raises what `kick` raises."""
        if messages:
            await self._send([self._checked(message) for message in messages])

    async def _send(self, group: Group) -> None:
        transaction = self._transaction.get()
        if transaction is None:
            await self.queue.enqueuer.send(group)
        else:
            await self.queue.enqueuer.add_queues({message.queue for message in group})
            await transaction.send(group)

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message, default_queue=self.queue_name)

    # -- receiving ----------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one, for callers without slots."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries of the worker's queues, fetched for as many slots as are free."""
        fetcher = self._fetcher()
        listener = self.database.connections.listener
        with listener.listening(Topic.MESSAGES, fetcher.wakeup.notice):
            loop = fetch_loop(fetcher, slots, poll_interval=self.poll_interval)
            async with aclosing(loop) as deliveries:
                async for delivery in deliveries:
                    yield delivery

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew all leases in one statement."""
        return await renew_leases(deliveries)

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Reclaim messages; on the timer, also delete some expired results."""
        settler = self.queue.settler
        if owner is not None:
            return await settler.reclaim_owned(owner)
        count = await settler.reclaim(list(self._selection().weights))
        await clean(self.database.connections)
        return count

    async def expire_queued(self) -> Sequence[Delivery]:
        """Take expired messages of all queues, a hundred at most."""
        return await self._fetcher().fetch_expired()

    def _selection(self) -> QueueSelection:
        return self.queues or QueueSelection({self.queue_name: 1})

    def _fetcher(self) -> Fetcher:
        return Fetcher(
            self.database.connections,
            self.queue.settler,
            lease=self.lease,
            owner=self.worker_id,
            selection=self._selection(),
        )

    @asynccontextmanager
    async def lease_renewer(
        self,
    ) -> AsyncGenerator[Callable[[Sequence[Delivery]], Awaitable[object]], None]:
        """Renew over a connection of the event loop that asks, which is closed at the end."""
        try:
            yield self._renew_from_here
        finally:
            self._queues.pop()
            await self.database.close()

    async def _renew_from_here(self, deliveries: Sequence[Delivery]) -> None:
        """Renew leases that another event loop holds, over the connection of this one."""
        await renew_leases(deliveries, queue=self.queue.settler)

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark the messages of a task in all queues, and notify workers that run them."""
        return await abort.request_abort(self.database, task_id)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield ids of marked tasks that run, on this worker or another."""
        return abort.aborts(self.database)

    # -- claims -------------------------------------------------------------------------------

    def tick_claims(self, *, lease: float = 60.0) -> PostgresTickClaims:
        """Return the claims of this schema; `PostgresScheduleSource` keeps its claims apart.

        Raises:
            ValueError: `lease` is not above 0.
        """
        require_positive("PostgresBroker", lease=lease)
        return PostgresTickClaims(self.database, Scope.BROKER, lease=lease, memory=CLAIM_MEMORY)

    # -- queues as operators see them ---------------------------------------------------------

    async def queue_names(self) -> Sequence[str]:
        """Return the default queue, and the others by name."""
        return await admin.queue_names(self.database, self.queue_name)

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count messages; more than 50,000 of a state are estimated, over all queues."""
        return await admin.stats(self.database, queue or self.queue_name)

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
        """Return a page of messages, looking through a thousand of them at most."""
        return await page_of_messages(
            self.database,
            state,
            queue=queue or self.queue_name,
            where=where,
            after=after,
            limit=limit,
            with_body=with_body,
        )

    async def pause(self, *, queue: str | None = None) -> None:
        """Have the queue hand out nothing; its expired messages are refused all the same."""
        await admin.set_paused(self.database, queue or self.queue_name, is_paused=True)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have the queue go on, and wake the workers."""
        await admin.set_paused(self.database, queue or self.queue_name, is_paused=False)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        return await admin.is_paused(self.database, queue or self.queue_name)

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Have a delayed message wait in the place that it would have without its delay."""
        return await admin.move_to_now(self.database, task_id, queue or self.queue_name)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop waiting and delayed messages, a thousand in one statement."""
        return await admin.purge(self.database, queue or self.queue_name)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return dead letters; skipped letters cost as much as listed ones."""
        return await dead_letters.dead_letters(
            self.database, queue or self.queue_name, limit=limit, offset=offset
        )

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, and forget their results.

        A letter stays if another message has its unique key.
        """
        return await dead_letters.replay(self.database, queue or self.queue_name, letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters, a thousand in one statement."""
        return await dead_letters.purge(self.database, queue or self.queue_name, letter_ids)

    # -- workers and the past -----------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker, and forget ended records."""
        await presence.announce(self.database, record, ttl=ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker."""
        await presence.withdraw(self.database, worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended; unreadable ones are left out."""
        return await presence.workers(self.database)

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep deliveries and counters, and drop what is beyond the option `history`."""
        if self.history is None:
            raise self._lacks_history("keep history without its option `history`")
        await history.add_history(self.database, self.history, deliveries, counters)

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of deliveries, looking through two thousand of them at most."""
        return await history.deliveries_of_past(
            self.database, task_name=task_name, task_id=task_id, end=end, after=after, limit=limit
        )

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return counters by minute and task, from the minute of `since` on."""
        return await history.minute_counters(self.database, since=since, task_name=task_name)
