"""PubSubBroker: every worker that listens gets every message, and nothing is kept."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.capabilities import Capability
from taskiq_core.messages.message import BrokerMessage
from taskiq_redis.line import TIMEOUT, Line
from taskiq_redis.servers import Server, SingleServer
from taskiq_redis.subscription import Subscription
from taskiq_redis.urls import read_url


class PubSubBroker(AsyncBroker):
    """Tells tasks to all workers that listen at the moment; whoever does not, misses them.

    For news that nobody needs later, such as "drop your caches". For tasks that must run, use
    `RedisBroker`.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        queue_name: the channel.
        max_connection_pool_size: not used, connections are held; for programs written for taskiq
            0.13.
        socket_timeout: seconds without an answer after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections.
    """

    capabilities = frozenset({Capability.BROADCAST, Capability.BATCH})

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        *,
        socket_timeout: float = TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        del max_connection_pool_size
        super().__init__(result_backend, task_id_generator)
        self.server = server or SingleServer(url, **connection_kwargs)
        self.queue_name = queue_name
        self.socket_timeout = socket_timeout
        self._lines = PerLoop(lambda: Line(self.server, queue_name, timeout=socket_timeout))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `redis+pubsub://host:6379/0?queue_name=news`."""
        address, found = read_url(url, {"queue_name": str, "socket_timeout": float})
        return cls(address.replace("redis+pubsub", "redis", 1), **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    async def startup(self) -> None:
        """Connect, so that a server that can't be reached is known at once."""
        await self._lines.get().call("PING")
        await super().startup()

    async def shutdown(self) -> None:
        """Hang up; may be called twice."""
        try:
            await super().shutdown()
        finally:
            line = self._lines.pop()
            if line is not None:
                await line.close()

    async def kick(self, message: BrokerMessage) -> None:
        """Tell a task to all workers that listen; there may be none."""
        await self._lines.get().call("PUBLISH", self.queue_name, message.message)

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Tell tasks, in one write."""
        await asyncio.gather(*map(self.kick, messages))

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield what is told while this runs."""
        timeout = self.socket_timeout
        async with Subscription(self.server, self.queue_name, timeout=timeout) as told:
            async for _, message in told:
                if message is not None:
                    yield message
