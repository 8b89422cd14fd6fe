"""The names of `RedisBroker` in taskiq-redis 1.x, which had brokers of lists and of streams.

Options that tuned lists and streams are accepted without effect; options that would drop tasks are
refused. As in 1.x, the label `queue_name` sends a message to the broker of that name.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.capabilities import Capability
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.loggers import get_logger
from taskiq_core.messages.labels import QUEUE_NAME
from taskiq_core.messages.message import BrokerMessage
from taskiq_redis.broker import RedisBroker
from taskiq_redis.compat.options import BrokerOptions, own_options, refuse_unknown
from taskiq_redis.errors import RedisCommandError, RedisRightsError
from taskiq_redis.options import QUEUE_CAPABILITIES
from taskiq_redis.queue.codec import NewMessage
from taskiq_redis.queue.redis_queue import RedisQueue
from taskiq_redis.storage.connection_options import connection_options
from taskiq_redis.storage.servers import Server

logger = get_logger(__name__)


class ListQueueBroker(RedisBroker):
    """`RedisBroker` as programs for 1.x know it: the label `queue_name` names another broker.

    A message with the label goes to the default queue of the broker with that `queue_name`, and a
    worker listens to its own. Use `RedisBroker` for workers that listen to several queues.

    A worker takes over what 1.x left in the list or stream of its `queue_name`, when it starts and
    regularly.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default, or on this server if
            `result_ex_time` is given.
        queue_name: programs and workers with the same name share a queue.
        max_connection_pool_size: without effect.
        server: in place of the URL, for Sentinel and Cluster.
        options: of `RedisBroker`, or of redis-py's connections.

    Raises:
        ValueError: an option is unknown.
    """

    capabilities = QUEUE_CAPABILITIES - {Capability.QUEUES}
    disregarded_labels = (QUEUE_NAME,)  # honoured as in 1.x

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        *,
        server: Server | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        del max_connection_pool_size
        # A given server has the options of its connections already.
        connections = connection_options(url) if server is None else frozenset[str]()
        refuse_unknown(type(self).__name__, options, _OWN | connections)
        if result_backend is None and "result_ex_time" not in options:
            result_backend = DummyResultBackend()
        super().__init__(
            url, task_id_generator, result_backend, queue_name, server=server, **options
        )
        self._others = PerLoop[dict[str, RedisQueue]](dict)
        self._may_take_over = True

    # -- sending to other brokers -------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message in the queue of the broker that its label names."""
        await self._send([self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages; of those for one broker all or none are stored."""
        by_queue: dict[str | None, list[NewMessage]] = {}
        for message in map(self._checked, messages):
            by_queue.setdefault(message.queue, []).append(message)
        await asyncio.gather(*map(self._send, by_queue.values()))

    async def _send(self, messages: Sequence[NewMessage]) -> None:
        name = messages[0].queue
        if name in (None, self.queue_name):
            await self.queue.send(messages)
            return
        others = self._others.get()
        if name not in others:
            others[name] = RedisQueue(self.server, name, timeout=self.socket_timeout)
        await others[name].send([each._replace(queue=None) for each in messages])

    # -- messages of 1.x ----------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, and take over what 1.x left; see `RedisBroker.startup`."""
        await super().startup()
        if self.is_worker_process:
            await self._take_over()

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Have deliveries delivered again, and take over what clients of 1.x sent meanwhile."""
        count = await super().reclaim(owner=owner)
        if owner is None:
            await self._take_over()
        return count

    async def _take_over(self) -> None:
        if not self._may_take_over:
            return
        try:
            count = await self.earlier_queue().take_over()
        except RedisRightsError as error:
            self._may_take_over = False
            logger.warning(
                "Messages that taskiq-redis 1.x left in %r are not taken over: %s. `taskiq "
                "redis-upgrade` says whether there are any.",
                self.queue_name,
                error,
            )
        except RedisCommandError as error:
            # A full server, say. Workers empty it, so they start all the same.
            logger.warning(
                "Messages that taskiq-redis 1.x left in %r are not taken over yet: %s. It is tried "
                "again with the next reclaim.",
                self.queue_name,
                error,
            )
        else:
            if count:
                logger.info(
                    "Took over %d messages that taskiq-redis 1.x left in %r", count, self.queue_name
                )

    async def shutdown(self) -> None:
        """Wait for the calls under way, and disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            for queue in (self._others.pop() or {}).values():
                await queue.close()


_OWN = own_options(RedisBroker)


class RedisStreamBroker(ListQueueBroker):
    """Deprecated alias of `ListQueueBroker`, with the options of streams.

    Options that are not listed below tuned the reading of streams, and have no effect.

    Args:
        url: of the server.
        queue_name: programs and workers with the same name share a queue.
        consumer_group_name: whose messages of 1.x are taken over; otherwise without effect, as
            each message goes to one worker of the queue.
        maxlen: must be None.
        idle_timeout: milliseconds after which another worker gets the message of a dead one.
        additional_streams: must be None.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        options: of `RedisBroker`, or of redis-py's connections.

    Raises:
        ValueError: `maxlen` or `additional_streams` is given, or an option is unknown.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        consumer_group_name: str = "taskiq",
        consumer_name: str | None = None,
        consumer_id: str = "$",
        mkstream: bool = True,
        xread_block: int = 2000,
        maxlen: int | None = None,
        approximate: bool = True,
        idle_timeout: int = 600_000,
        unacknowledged_batch_size: int = 100,
        unacknowledged_lock_timeout: float | None = None,
        xread_count: int | None = 100,
        additional_streams: Mapping[str, str | int] | None = None,
        *,
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        refuse_loss(type(self).__name__, maxlen, additional_streams)
        options.setdefault("lease", idle_timeout / 1000)
        super().__init__(url, task_id_generator, result_backend, queue_name, **options)
        self.earlier_group = consumer_group_name


def refuse_loss(
    name: str, maxlen: int | None, additional_streams: Mapping[str, str | int] | None
) -> None:
    """Refuse options of stream brokers that would drop tasks.

    Args:
        name: the class that was given the options, for the error.
        maxlen: messages that a stream would keep; None to keep all.
        additional_streams: other streams to read; None or empty for no others.

    Raises:
        ValueError: one of the options is set.
    """
    if maxlen is not None:
        raise ValueError(f"{name}: maxlen would drop tasks that were not run: leave it out")
    if additional_streams:
        raise ValueError(
            f"{name}: additional_streams are queues of their own here: make a broker for each"
        )
