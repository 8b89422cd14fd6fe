"""JetStreamBroker: a durable queue in NATS JetStream."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Self, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import renew_leases
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.exceptions import MessageTooLargeError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_nats.claims import NatsTickClaims
from taskiq_nats.options import (
    BROKER_URL,
    CAPABILITIES,
    DAY,
    DEFAULT_URL,
    read_url,
    require_positive,
)
from taskiq_nats.queue import abort, admin
from taskiq_nats.queue.codec import OVERHEAD, NewMessage, new_message
from taskiq_nats.queue.jetstream_queue import JetStreamQueue
from taskiq_nats.queue.later import move_due_messages
from taskiq_nats.results import JetStreamResultBackend
from taskiq_nats.storage.server import NatsServer, ServerOptions
from taskiq_nats.storage.streams import create_queue


class JetStreamBroker(AsyncBroker):
    """Keeps tasks in NATS JetStream; nothing is lost when a worker, a client or the server dies.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if the worker dies, the lease runs out and another worker gets the task. Without
    a result backend of its own the broker keeps results on the same server.

    Args:
        url: `nats://user:password@host1:4222,host2:4222`, or a `NatsServer` to share its options.
        result_backend: where results are kept; a `JetStreamResultBackend` on this server by
            default.
        task_id_generator: makes task ids.
        queue_name: the queue.
        lease: seconds after which another worker gets the message of a dead one; workers renew
            their leases. The same for all workers of a queue.
        result_ttl: seconds that the default result backend keeps results; None for ever.
        max_message_size: bytes that one task may have; None for what the server takes.
        options: of `NatsServer`, where `url` is not one.

    Raises:
        NatsUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    capabilities = CAPABILITIES
    reclaims_itself = True

    def __init__(
        self,
        url: str | NatsServer = DEFAULT_URL,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        *,
        queue_name: str = "default",
        lease: float = 60.0,
        result_ttl: float | None = DAY,
        max_message_size: int | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        require_positive("JetStreamBroker", lease=lease, max_message_size=max_message_size)
        self.server = url if isinstance(url, NatsServer) else NatsServer(url, **options)
        super().__init__(
            result_backend
            or JetStreamResultBackend(self.server, bucket=queue_name, result_ttl=result_ttl),
            task_id_generator,
        )
        self.queue_name = queue_name
        self.lease = lease
        self.max_message_size = max_message_size
        self._queues = PerLoop(lambda: JetStreamQueue(self.server, queue_name))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `nats://user:password@host1:4222,host2:4222?lease=30`.

        The URL may have `queue_name`, `lease`, `result_ttl`, `max_message_size`, and the options of
        `NatsServer`.

        Raises:
            NatsUrlError: the URL can't be understood, or has an unknown option.
        """
        address, found = read_url(url, BROKER_URL)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    @property
    def queue(self) -> JetStreamQueue:
        """The queue as the running event loop sees it."""
        return self._queues.get()

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, and create the streams where that is needed and allowed.

        Raises:
            NatsUnreachableError: no server can be reached, or it refuses the credentials.
            NatsStreamError: a stream is missing and may not be created, or JetStream is off.
        """
        await self._create_streams()
        await super().startup()

    async def shutdown(self) -> None:
        """Wait for the calls under way, and disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            if isinstance(self.result_backend, JetStreamResultBackend):
                # Results can be waited for without startup, too.
                await self.result_backend.shutdown()
            await self._disconnect()

    async def _create_streams(self) -> None:
        queue = self.queue
        await create_queue(
            queue.connection, queue.names, lease=self.lease, may_create=self.may_create
        )

    async def _disconnect(self) -> None:
        queue = self._queues.pop()
        if queue is not None:
            await queue.close()

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message.

        Raises:
            SendTaskError: the message is too large, a label has a value that it can't have, or the
                unique key is taken.
            NatsUnreachableError: the server can't be reached; if the connection was lost
                meanwhile, the server may have the message.
        """
        queue = self.queue
        await queue.connection.open()  # knows how large a message may be
        await queue.enqueuer.send(self._checked(queue, message))

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages in one write; raises what `kick` raises.

        If the connection is lost meanwhile, the server may have some of them.
        """
        if messages:
            queue = self.queue
            await queue.connection.open()
            await queue.enqueuer.send_many([self._checked(queue, each) for each in messages])

    def _checked(self, queue: JetStreamQueue, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), queue.connection.max_payload - OVERHEAD
        limit = min(limit, self.max_message_size or limit)
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message)

    # -- receiving ----------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one, for callers without slots."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries, asked for as slots become free; moves delayed messages meanwhile."""
        queue = self.queue
        await self._create_streams()  # which may have been lost since the broker was started
        await queue.watch.start()
        fetcher = queue.fetcher(lease=self.lease)
        moving = asyncio.create_task(move_due_messages(queue.connection, queue.names))
        try:
            loop = fetch_loop(fetcher, slots, poll_interval=60.0, undoes_cancelled_fetch=True)
            async with aclosing(loop) as deliveries:
                async for delivery in deliveries:
                    yield delivery
        finally:
            moving.cancel()
            await asyncio.shield(fetcher.close())
            await asyncio.wait({moving})

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew all leases in one write."""
        return await renew_leases(deliveries)

    @asynccontextmanager
    async def lease_renewer(
        self,
    ) -> AsyncGenerator[Callable[[Sequence[Delivery]], Awaitable[object]], None]:
        """Renew over a connection of the event loop that asks, which is closed at the end."""
        try:
            yield self._renew_from_here
        finally:
            await self._disconnect()

    async def _renew_from_here(self, deliveries: Sequence[Delivery]) -> None:
        """Renew leases that another event loop holds, over the connection of this one."""
        await renew_leases(deliveries, queue=self.queue.settler)

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark the latest message of a task, and tell the workers."""
        queue = self.queue
        return await abort.request_abort(queue.connection, queue.names, task_id)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield ids of marked tasks."""
        return abort.aborts(self.queue.watch)

    # -- claims -------------------------------------------------------------------------------

    def tick_claims(self, *, lease: float = 60.0) -> NatsTickClaims:
        """Return the claims beside the queue; by the clocks of the schedulers.

        Raises:
            ValueError: `lease` is not above 0.
        """
        require_positive("JetStreamBroker", lease=lease)
        return NatsTickClaims(lambda: self.queue, lease=lease)

    # -- queues as operators see them ---------------------------------------------------------

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count messages; one whose lease ran out is delivered until a worker fetches it."""
        del queue
        return await admin.stats(self.queue.connection, self.queue.names)

    async def pause(self, *, queue: str | None = None) -> None:
        """Have the queue hand out nothing; workers hear of it at once."""
        del queue
        await admin.set_paused(self.queue.connection, self.queue.names, paused=True)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have the queue go on."""
        del queue
        await admin.set_paused(self.queue.connection, self.queue.names, paused=False)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        del queue
        return await admin.is_paused(self.queue.connection, self.queue.names)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop waiting and delayed messages; waiting ones are fetched and acknowledged."""
        del queue
        return await admin.purge(self.queue.connection, self.queue.names)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return dead letters; the letters before `offset` are read, too."""
        del queue
        return await admin.dead_letters(
            self.queue.connection, self.queue.names, limit=limit, offset=offset
        )

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, without their unique keys."""
        del queue
        return await admin.replay(self.queue.connection, self.queue.names, letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters."""
        del queue
        return await admin.purge_letters(self.queue.connection, self.queue.names, letter_ids)
