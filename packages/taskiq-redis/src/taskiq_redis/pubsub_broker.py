"""PubSubBroker: every listening worker gets every message, and nothing is kept."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.messages.message import BrokerMessage
from taskiq_redis.options import (
    PUBSUB_CAPABILITIES,
    PUBSUB_READERS,
    PUBSUB_SCHEME,
    SOCKET_TIMEOUT,
    read_url,
)
from taskiq_redis.storage.connection import PipelinedConnection
from taskiq_redis.storage.pubsub import Subscription
from taskiq_redis.storage.servers import Server, SingleServer


class PubSubBroker(AsyncBroker):
    """Sends each task to all workers that listen at the moment; other workers miss it.

    For notices that have no use later, such as "drop your caches". For tasks that must run, use
    `RedisBroker`.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        queue_name: the channel.
        max_connection_pool_size: not used, connections are held; for programs written for taskiq
            0.13.
        socket_timeout: seconds without a reply after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections.
    """

    capabilities = PUBSUB_CAPABILITIES

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        *,
        socket_timeout: float = SOCKET_TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        del max_connection_pool_size
        super().__init__(result_backend, task_id_generator)
        self.server = server or SingleServer(url, **connection_kwargs)
        self.queue_name = queue_name
        self.socket_timeout = socket_timeout
        self._connections = PerLoop(
            lambda: PipelinedConnection(self.server, queue_name, timeout=socket_timeout)
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a broker for `redis+pubsub://host:6379/0?queue_name=news`."""
        address, found = read_url(url, PUBSUB_READERS)
        return cls(address.replace(PUBSUB_SCHEME, "redis", 1), **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    async def startup(self) -> None:
        """Connect, so that an unreachable server is noticed at once."""
        await self._connections.get().call("PING")
        await super().startup()

    async def shutdown(self) -> None:
        """Disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            connection = self._connections.pop()
            if connection is not None:
                await connection.close()

    async def kick(self, message: BrokerMessage) -> None:
        """Publish a task. That no worker listens is not an error: the task is lost then."""
        await self._connections.get().call("PUBLISH", self.queue_name, message.message)

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Publish tasks in one write."""
        await asyncio.gather(*map(self.kick, messages))

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield the tasks that are published while this runs."""
        timeout = self.socket_timeout
        async with Subscription(self.server, self.queue_name, timeout=timeout) as published:
            async for _, message in published:
                if message is not None:
                    yield message
