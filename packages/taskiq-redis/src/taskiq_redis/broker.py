"""RedisBroker: a durable queue in Redis."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import LeasedDelivery, renew_leases
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
from taskiq_redis.claims import RedisTickClaims
from taskiq_redis.errors import RedisUrlError
from taskiq_redis.options import (
    BROKER_READERS,
    DAY,
    QUEUE_CAPABILITIES,
    SOCKET_TIMEOUT,
    read_url,
    require_positive,
)
from taskiq_redis.queue import abort, admin, history, presence
from taskiq_redis.queue.codec import NewMessage, new_message
from taskiq_redis.queue.earlier_queue import EarlierQueue
from taskiq_redis.queue.fetch import Fetcher
from taskiq_redis.queue.inspect import page_of_messages
from taskiq_redis.queue.redis_queue import RedisQueue
from taskiq_redis.queue.settle import Settler
from taskiq_redis.results import RedisAsyncResultBackend
from taskiq_redis.storage.servers import Server, SingleServer


class RedisBroker(AsyncBroker):
    """Keeps tasks in Redis; nothing is lost when a worker, a client or the connection dies.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if the worker dies, the lease runs out and another worker gets the task. Without
    a result backend of its own the broker keeps results on the same server.

    Args:
        url: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path`.
        task_id_generator: makes task ids.
        result_backend: where results are kept; a `RedisAsyncResultBackend` on this server by
            default.
        queue_name: the default queue, and the beginning of all keys; programs and workers with the
            same name share their queues.
        lease: seconds after which another worker gets the message of a dead one; workers renew
            their leases.
        result_ex_time: seconds that the default result backend keeps results.
        max_message_size: bytes that one task may have.
        poll_interval: seconds after which a worker fetches although it was not woken.
        socket_timeout: seconds without a reply after which a connection is given up.
        history: how many deliveries that have ended, and counters by minute, are kept; None for
            none.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections, such as `ssl_ca_certs`.

    Attributes:
        earlier_group: the consumer group by which workers of taskiq-redis 1.x read their stream.

    Raises:
        RedisUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    capabilities = QUEUE_CAPABILITIES
    earlier_group = "taskiq"

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        *,
        lease: float = 60.0,
        result_ex_time: int = DAY,
        max_message_size: int = 16 * 1024 * 1024,
        poll_interval: float = 5.0,
        socket_timeout: float = SOCKET_TIMEOUT,
        history: HistoryOptions | None = None,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        require_positive(
            self,
            lease=lease,
            poll_interval=poll_interval,
            socket_timeout=socket_timeout,
            max_message_size=max_message_size,
        )
        self.server = server or SingleServer(url, **connection_kwargs)
        super().__init__(
            result_backend=result_backend
            or RedisAsyncResultBackend(
                server=self.server,
                result_ex_time=result_ex_time,
                prefix_str=queue_name,
                socket_timeout=socket_timeout,
            ),
            task_id_generator=task_id_generator,
        )
        self.queue_name = queue_name
        self.lease = lease
        self.reclaim_interval = min(type(self).reclaim_interval, lease / 2)
        self.max_message_size = max_message_size
        self.poll_interval = poll_interval
        self.socket_timeout = socket_timeout
        self.history = history
        self._queues = PerLoop(lambda: RedisQueue(self.server, queue_name, timeout=socket_timeout))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a broker for `redis://host:6379/0?queue_name=mail&lease=30`.

        `queue_name`, `lease`, `result_ex_time`, `max_message_size`, `poll_interval`,
        `socket_timeout` and `history`, a number of deliveries, may be given; other options are
        redis-py's.

        Raises:
            RedisUrlError: the URL can't be understood.
        """
        address, found = read_url(url, BROKER_READERS)
        if "history" in found:
            try:
                found["history"] = HistoryOptions(max_deliveries=found["history"])
            except ValueError as error:
                raise RedisUrlError(reason=str(error)) from error
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    @property
    def queue(self) -> RedisQueue:
        """The queue as the running event loop sees it."""
        return self._queues.get()

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, so that an unreachable server is noticed at once.

        Raises:
            RedisUnreachableError: the server can't be reached, or refuses the user.
            RedisRightsError: a worker's user lacks a right.
        """
        store = self.queue.store
        await store.connection.call("PING")
        if self.is_worker_process:
            backend = self.result_backend
            with_results = (
                isinstance(backend, RedisAsyncResultBackend) and backend.server is self.server
            )
            await store.check_rights(with_results=with_results)
        await super().startup()

    async def shutdown(self) -> None:
        """Wait for the calls under way, and disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            queue = self._queues.pop()
            if queue is not None:
                await queue.close()

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message.

        Raises:
            SendTaskError: the message is too large, a label has a value that it can't have, or the
                unique key is taken.
            RedisUnreachableError: the server can't be reached; if the connection was lost
                meanwhile, the server may have the message.
            RedisFullError: the server has no memory left.
        """
        await self.queue.send([self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages, all or none; raises what `kick` raises."""
        if messages:
            await self.queue.send([self._checked(message) for message in messages])

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message)

    # -- receiving ----------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one, for callers without slots."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries of the worker's queues, fetched for as many slots as are free."""
        return fetch_loop(self._fetcher(), slots, poll_interval=self.poll_interval)

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew leases in one script for each queue."""
        return await renew_leases(deliveries)

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Have deliveries of the worker's queues, or of all queues by `owner`, delivered again."""
        if owner is not None:
            return await self.queue.reclaim(await self.queue_names(), owner)
        return await self.queue.reclaim(list(self._selection().weights))

    async def expire_queued(self) -> Sequence[Delivery]:
        """Take expired messages of the worker's queues, a hundred at most."""
        return await self._fetcher().fetch_expired()

    def _selection(self) -> QueueSelection:
        return self.queues or QueueSelection({self.queue_name: 1})

    def _fetcher(self) -> Fetcher:
        return Fetcher(
            self.queue, lease=self.lease, owner=self.worker_id, selection=self._selection()
        )

    @asynccontextmanager
    async def lease_renewer(
        self,
    ) -> AsyncGenerator[Callable[[Sequence[Delivery]], Awaitable[object]], None]:
        """Renew over a connection of the event loop that asks, which is closed at the end."""
        try:
            yield self._renew_from_here
        finally:
            queue = self._queues.pop()
            if queue is not None:
                await queue.close()

    async def _renew_from_here(self, deliveries: Sequence[Delivery]) -> None:
        """Renew leases that another event loop holds, over the connection of this one."""
        groups: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            if isinstance(delivery, LeasedDelivery) and isinstance(delivery.queue, Settler):
                groups.setdefault(delivery.queue.name, []).append(delivery)
        for name, group in groups.items():
            await renew_leases(group, queue=self.queue.settler(name))

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark the messages of a task in all queues, and notify workers that run them."""
        return await abort.request_abort(self.queue.store, task_id)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield ids of marked tasks that run, on this worker or another."""
        return abort.aborts(self.queue.store)

    # -- claims -------------------------------------------------------------------------------

    def tick_claims(self, *, lease: float = 60.0) -> RedisTickClaims:
        """Return the claims beside the queues; `ListRedisScheduleSource` keeps its claims apart.

        Raises:
            ValueError: `lease` is not above 0.
        """
        require_positive(self, lease=lease)
        return RedisTickClaims(lambda: self.queue.store, lease=lease)

    # -- queues as operators see them ---------------------------------------------------------

    async def queue_names(self) -> Sequence[str]:
        """Return the default queue, and the others by name."""
        return await self.queue.store.queue_names()

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count the messages in one script; the age is true to about a second."""
        return await admin.stats(self.queue.store, queue)

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
            self.queue.store,
            state,
            queue=queue,
            where=where,
            after=after,
            limit=limit,
            with_body=with_body,
        )

    async def pause(self, *, queue: str | None = None) -> None:
        """Have the queue hand out nothing; the next fetch of each worker sees it."""
        await admin.set_paused(self.queue.store, queue, is_paused=True)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have the queue go on, and wake a worker."""
        await admin.set_paused(self.queue.store, queue, is_paused=False)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        return await admin.is_paused(self.queue.store, queue)

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Have a delayed message delivered before the waiting ones."""
        return await admin.move_to_now(self.queue.store, task_id, queue)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop waiting and delayed messages, a thousand of each in one script."""
        return await admin.purge(self.queue.store, queue)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return dead letters; the letters before `offset` are read, too."""
        return await admin.dead_letters(self.queue.store, queue, limit=limit, offset=offset)

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, without their unique keys; unreadable ones stay."""
        return await admin.replay_dead_letters(self.queue.store, queue, letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters, a hundred in one command."""
        return await admin.purge_dead_letters(self.queue.store, queue, letter_ids)

    def earlier_queue(self) -> EarlierQueue:
        """Return the list or stream of taskiq-redis 1.x that has the name of the default queue."""
        return EarlierQueue(
            self.queue.store, self.formatter, group=self.earlier_group, min_idle=self.lease
        )

    # -- workers and the past -----------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker, and forget records whose `ttl` is over."""
        await presence.announce(self.queue.store, record, ttl=ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker."""
        await presence.withdraw(self.queue.store, worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended; unreadable ones are left out."""
        return await presence.workers(self.queue.store)

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep deliveries and counters in one script; nothing without the option `history`."""
        if self.history is not None:
            await history.add_history(self.queue.store, self.history, deliveries, counters)

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of deliveries, looking through a thousand of them at most."""
        return await history.deliveries_of_past(
            self.queue.store,
            task_name=task_name,
            task_id=task_id,
            end=end,
            after=after,
            limit=limit,
        )

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return counters by minute and task, from the minute of `since` on."""
        return await history.minute_counters(self.queue.store, since=since, task_name=task_name)
