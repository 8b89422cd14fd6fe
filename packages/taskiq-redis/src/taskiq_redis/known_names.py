"""The brokers, backends and sources by the names that they have in taskiq-redis 1.x.

Lists and streams are one engine here, that of `RedisBroker`. Options that only tuned the older
engines are taken and not needed; those that would change what becomes of tasks are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.result_backends import DummyResultBackend
from taskiq_redis.broker import RedisBroker
from taskiq_redis.pubsub_broker import PubSubBroker
from taskiq_redis.results import RedisAsyncResultBackend
from taskiq_redis.schedules import ListRedisScheduleSource
from taskiq_redis.servers import ClusterServer, SentinelServer

_ReturnType = TypeVar("_ReturnType")
Sentinels = Sequence[tuple[str, int]]


class ListQueueBroker(RedisBroker):
    """`RedisBroker` by an older name; without a result backend it keeps no results.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        queue_name: programs and workers of the same name share a queue.
        max_connection_pool_size: not needed, connections are held.
        options: of `RedisBroker`.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        **options: Any,
    ) -> None:
        del max_connection_pool_size
        super().__init__(
            url,
            task_id_generator,
            result_backend or DummyResultBackend(),
            queue_name,
            **options,
        )


class RedisStreamBroker(ListQueueBroker):
    """`RedisBroker` by an older name.

    `xread_block`, `xread_count`, `mkstream`, `approximate`, `consumer_name` and the like tuned the
    reading of streams; they are taken and not needed.

    Args:
        url: of the server.
        queue_name: programs and workers of the same name share a queue.
        max_connection_pool_size: not needed, connections are held.
        consumer_group_name: not needed: each message goes to one worker of the queue.
        idle_timeout: milliseconds after which a message of a dead worker is another's.
        maxlen: must be None.
        additional_streams: must be None.
        options: of `RedisBroker`, and those that are not needed.

    Raises:
        ValueError: `maxlen` or `additional_streams` is given.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        consumer_group_name: str = "taskiq",
        *,
        idle_timeout: int = 600_000,
        maxlen: int | None = None,
        additional_streams: Mapping[str, str | int] | None = None,
        **options: Any,
    ) -> None:
        del consumer_group_name
        name = type(self).__name__
        if maxlen is not None:
            raise ValueError(f"{name}: maxlen would drop tasks that were not run: leave it out")
        if additional_streams:
            raise ValueError(
                f"{name}: additional_streams are queues of their own here: make a broker for each"
            )
        options.setdefault("lease", idle_timeout / 1000)
        for unneeded in _TUNING:
            options.pop(unneeded, None)
        super().__init__(
            url,
            queue_name=queue_name,
            max_connection_pool_size=max_connection_pool_size,
            **options,
        )


_TUNING = (
    "approximate",
    "consumer_id",
    "consumer_name",
    "mkstream",
    "unacknowledged_batch_size",
    "unacknowledged_lock_timeout",
    "xread_block",
    "xread_count",
)


# --- Sentinel -------------------------------------------------------------------------------------


class ListQueueSentinelBroker(ListQueueBroker):
    """The queue on the master that sentinels name; after a failover, on the new one.

    Args:
        sentinels: host and port of each.
        master_name: what they call the master.
        result_backend: where results are kept; nowhere by default.
        task_id_generator: makes task ids.
        queue_name: programs and workers of the same name share a queue.
        min_other_sentinels: how many others a sentinel must know to be believed.
        sentinel_kwargs: options of the connections to sentinels.
        connection_kwargs: of those to the master.
    """

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        queue_name: str = "taskiq",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        *,
        lease: float = 60.0,
        **connection_kwargs: Any,
    ) -> None:
        server = _sentinels(
            sentinels, master_name, min_other_sentinels, sentinel_kwargs, connection_kwargs
        )
        super().__init__(
            "", task_id_generator, result_backend, queue_name, server=server, lease=lease
        )


class RedisStreamSentinelBroker(ListQueueSentinelBroker):
    """The same by another older name."""


class PubSubSentinelBroker(PubSubBroker):
    """`PubSubBroker` on the master that sentinels name; the arguments are those of the queue's."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        queue_name: str = "taskiq",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **connection_kwargs: Any,
    ) -> None:
        server = _sentinels(
            sentinels, master_name, min_other_sentinels, sentinel_kwargs, connection_kwargs
        )
        super().__init__("", task_id_generator, result_backend, queue_name, server=server)


class RedisAsyncSentinelResultBackend(RedisAsyncResultBackend[_ReturnType]):
    """`RedisAsyncResultBackend` on the master that sentinels name."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        keep_results: bool = True,
        result_ex_time: int | None = None,
        result_px_time: int | None = None,
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        serializer: TaskiqSerializer | None = None,
        prefix_str: str | None = None,
        **connection_kwargs: Any,
    ) -> None:
        super().__init__(
            "",
            keep_results,
            result_ex_time,
            result_px_time,
            serializer=serializer,
            prefix_str=prefix_str,
            server=_sentinels(
                sentinels, master_name, min_other_sentinels, sentinel_kwargs, connection_kwargs
            ),
        )


class ListRedisSentinelScheduleSource(ListRedisScheduleSource):
    """`ListRedisScheduleSource` on the master that sentinels name."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        prefix: str = "schedule",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        *,
        claim_lease: float = 60.0,
        **connection_kwargs: Any,
    ) -> None:
        server = _sentinels(
            sentinels, master_name, min_other_sentinels, sentinel_kwargs, connection_kwargs
        )
        super().__init__("", prefix, server=server, claim_lease=claim_lease)


def _sentinels(
    sentinels: Sentinels,
    master_name: str,
    min_other_sentinels: int,
    sentinel_kwargs: Mapping[str, Any] | None,
    connection_kwargs: Mapping[str, Any],
) -> SentinelServer:
    return SentinelServer(
        sentinels,
        master_name,
        min_other_sentinels=min_other_sentinels,
        sentinel_kwargs=sentinel_kwargs,
        **connection_kwargs,
    )


# --- Cluster --------------------------------------------------------------------------------------


class ListQueueClusterBroker(ListQueueBroker):
    """The queue on the node of a cluster that has its slot; the arguments are `ListQueueBroker`'s.

    `url` is that of any node.
    """

    def __init__(self, url: str, *args: Any, lease: float = 60.0, **options: Any) -> None:
        own = {name: options.pop(name) for name in _OWN if name in options}
        super().__init__(url, *args, server=ClusterServer(url, **options), lease=lease, **own)


class RedisStreamClusterBroker(ListQueueClusterBroker):
    """The same by another older name."""


class RedisAsyncClusterResultBackend(RedisAsyncResultBackend[_ReturnType]):
    """`RedisAsyncResultBackend` in a cluster; the results of one prefix are on one node."""

    def __init__(
        self,
        redis_url: str,
        keep_results: bool = True,
        result_ex_time: int | None = None,
        result_px_time: int | None = None,
        serializer: TaskiqSerializer | None = None,
        prefix_str: str | None = None,
        **connection_kwargs: Any,
    ) -> None:
        super().__init__(
            redis_url,
            keep_results,
            result_ex_time,
            result_px_time,
            serializer=serializer,
            prefix_str=prefix_str,
            server=ClusterServer(redis_url, **connection_kwargs),
        )


class ListRedisClusterScheduleSource(ListRedisScheduleSource):
    """`ListRedisScheduleSource` in a cluster."""

    def __init__(
        self,
        url: str,
        prefix: str = "schedule",
        *,
        claim_lease: float = 60.0,
        **connection_kwargs: Any,
    ) -> None:
        server = ClusterServer(url, **connection_kwargs)
        super().__init__(url, prefix, server=server, claim_lease=claim_lease)


_OWN = (
    "task_id_generator",
    "result_backend",
    "queue_name",
    "max_connection_pool_size",
    "max_message_size",
    "poll_interval",
    "socket_timeout",
)
