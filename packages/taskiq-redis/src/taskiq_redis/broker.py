"""RedisBroker: a durable queue in Redis."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Self, cast

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.expiry import ExpiredDelivery, Undertaker
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_redis.deliveries import RedisDelivery, renew_all, stream
from taskiq_redis.errors import MessageTooLargeError
from taskiq_redis.line import TIMEOUT
from taskiq_redis.messages import (
    ExpiredMessage,
    NewMessage,
    new_message,
    shown,
    task_id_of,
)
from taskiq_redis.plugin import CAPABILITIES
from taskiq_redis.queue import Hold, RedisQueue
from taskiq_redis.results import RedisAsyncResultBackend
from taskiq_redis.servers import Server, SingleServer
from taskiq_redis.subscription import Subscription
from taskiq_redis.urls import read_url

logger = logging.getLogger(__name__)

DAY: Final = 86_400
URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "queue_name": str,
    "lease": float,
    "result_ex_time": int,
    "max_message_size": int,
    "poll_interval": float,
    "socket_timeout": float,
}
"""Options of `RedisBroker` that a URL may have, and what reads their values."""


class RedisBroker(AsyncBroker):
    """Keeps tasks in Redis; nothing is lost when a worker, a client or the connection dies.

    A task is stored when `kiq` returns, and stays until a worker has ended it. A worker gets it
    with a lease: if it dies, the lease runs out and another worker gets it. Without a result
    backend of its own the broker keeps results on the same server.

    Args:
        url: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path`.
        task_id_generator: makes task ids.
        result_backend: where results are kept; a `RedisAsyncResultBackend` on this server by
            default.
        queue_name: programs and workers of the same name share a queue.
        lease: seconds after which a message of a dead worker is another's; workers renew theirs.
        result_ex_time: seconds that the default result backend keeps results.
        max_message_size: bytes that one task may have.
        poll_interval: seconds after which to look for messages although nobody has said that there
            are any.
        socket_timeout: seconds without an answer after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections, such as `ssl_ca_certs`.

    Raises:
        RedisUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    capabilities = CAPABILITIES

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
        socket_timeout: float = TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        for name, value in (
            ("lease", lease),
            ("poll_interval", poll_interval),
            ("socket_timeout", socket_timeout),
            ("max_message_size", max_message_size),
        ):
            if not value > 0:  # also true for NaN
                raise ValueError(f"{type(self).__name__}: {name} must be above 0, not {value}")
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
        self._undertaker = Undertaker(lambda: self.result_backend)
        self._queues = PerLoop(lambda: RedisQueue(self.server, queue_name, timeout=socket_timeout))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `redis://host:6379/0?queue_name=mail&lease=30`.

        `queue_name`, `lease`, `result_ex_time`, `max_message_size`, `poll_interval` and
        `socket_timeout` may be given; other options are redis-py's.

        Raises:
            RedisUrlError: the URL can't be understood.
        """
        address, found = read_url(url, URL_OPTIONS)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, so that a server that can't be reached is known at once.

        Raises:
            RedisUnreachableError: it can't be reached, or refuses us.
            RedisRightsError: a worker's user lacks a right.
        """
        await self.queue.line.call("PING")
        if self.is_worker_process:
            backend = self.result_backend
            with_results = (
                isinstance(backend, RedisAsyncResultBackend) and backend.server is self.server
            )
            await self.queue.check_rights(with_results=with_results)
        await super().startup()

    async def shutdown(self) -> None:
        """Let what is under way end, and hang up; may be called twice."""
        try:
            await self._undertaker.finish()
            await super().shutdown()
        finally:
            queue = self._queues.pop()
            if queue is not None:
                await queue.close()

    @property
    def queue(self) -> RedisQueue:
        """The queue as this event loop sees it."""
        return self._queues.get()

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message.

        Raises:
            SendTaskError: it is too large, a label has no value that it can have, or its unique key
                is taken.
            RedisUnreachableError: the server can't be reached; if it was lost meanwhile, it may
                have the message.
            RedisFullError: the server has no memory left.
        """
        await self.queue.send([self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages, all or none; errors are those of `kick`."""
        if messages:
            await self.queue.send([self._checked(message) for message in messages])

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(message)

    # -- receiving ----------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one, to callers that say nothing of their slots."""
        async with aclosing(self.deliveries(Slots(1))) as deliveries:
            async for delivery in deliveries:
                yield delivery

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; never more come than there are slots."""
        return stream(
            self.queue,
            slots,
            lease=self.lease,
            poll_interval=self.poll_interval,
            on_expired=self._end_expired,
            wait_for_room=self._undertaker.wait_for_room,
        )

    def _end_expired(self, messages: Sequence[ExpiredMessage]) -> None:
        self._undertaker.take([self._expired(message) for message in messages])

    def _expired(self, message: ExpiredMessage) -> ExpiredDelivery:
        queue = self.queue

        async def move(reason: str, error: str) -> None:
            await queue.bury(Hold(message.message_id, message.fence), reason, error)

        return ExpiredDelivery(
            task_id=task_id_of(message.message_id),
            task_name=shown(message.task_name),
            fence=message.fence,
            expires=float(message.expires),
            bury=move,
        )

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew leases in one call; returns those that are lost."""
        return await renew_all(self.queue, cast("Sequence[RedisDelivery]", deliveries))

    @asynccontextmanager
    async def lease_renewer(
        self,
    ) -> AsyncGenerator[Callable[[Sequence[Delivery]], Awaitable[object]], None]:
        """Renew over a connection of the event loop that asks, which is closed at the end."""
        try:
            yield self.renew_leases
        finally:
            queue = self._queues.pop()
            if queue is not None:
                await queue.close()

    async def reclaim(self) -> int:
        """Have deliveries whose lease ran out delivered again; how many there were."""
        return await self.queue.reclaim()

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a task's messages as aborted, and say where they are."""
        return await self.queue.abort(task_id)

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks that run, here or elsewhere, and are to be aborted."""
        queue = self.queue
        channel = f"{queue.base}:aborts"
        async with Subscription(self.server, channel, timeout=self.socket_timeout) as news:
            for marked in await queue.aborted():
                yield marked
            async for _, task_id in news:
                if task_id is not None:
                    yield shown(task_id)

    # -- the queue as operators see it --------------------------------------------------------

    async def stats(self) -> QueueStats:
        """How many messages wait, are delivered, delayed and dead."""
        return await self.queue.stats()

    async def purge(self) -> int:
        """Drop what waits or is delayed; how many messages that was."""
        return await self.queue.purge()

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """Messages that were buried, those buried first first."""
        return await self.queue.dead_letters(limit, offset)

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Queue dead letters again, as first attempts; how many there were."""
        return await self.queue.replay(letter_ids)

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters; how many there were."""
        return await self.queue.purge_dead(letter_ids)
