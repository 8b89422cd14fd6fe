"""Brokers, result backend and schedule source in a cluster, on the node that has their keys.

All take the URL of any node. `options` are those of the base class, or of redis-py's connections.
Any other is a ValueError.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, Unpack

from redis.asyncio import RedisCluster

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_redis.compat.lists_and_streams import ListQueueBroker, refuse_loss
from taskiq_redis.compat.options import (
    BrokerOptions,
    ResultOptions,
    ScheduleOptions,
    divide,
    own_options,
)
from taskiq_redis.results import RedisAsyncResultBackend
from taskiq_redis.schedules import ListRedisScheduleSource
from taskiq_redis.storage.connection_options import (
    ENCRYPTED,
    PLAIN,
    connection_options,
    keywords_of,
)
from taskiq_redis.storage.servers import ClusterServer

_ReturnType = TypeVar("_ReturnType")


class ListQueueClusterBroker(ListQueueBroker):
    """`ListQueueBroker` in a cluster."""

    def __init__(
        self,
        url: str,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        *,
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        del max_connection_pool_size
        server, own = _divided(self, url, options, _BROKER)
        super().__init__(url, task_id_generator, result_backend, queue_name, server=server, **own)


class RedisStreamClusterBroker(ListQueueClusterBroker):
    """Deprecated alias of `ListQueueClusterBroker`, with the options of `RedisStreamBroker`."""

    def __init__(
        self,
        url: str,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        consumer_group_name: str = "taskiq",
        consumer_name: str | None = None,
        consumer_id: str = "$",
        mkstream: bool = True,
        xread_block: int = 10_000,
        maxlen: int | None = None,
        approximate: bool = True,
        additional_streams: Mapping[str, str | int] | None = None,
        *,
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        refuse_loss(type(self).__name__, maxlen, additional_streams)
        super().__init__(
            url,
            queue_name,
            task_id_generator=task_id_generator,
            result_backend=result_backend,
            **options,
        )
        self.earlier_group = consumer_group_name


class RedisAsyncClusterResultBackend(RedisAsyncResultBackend[_ReturnType]):
    """`RedisAsyncResultBackend` in a cluster; results of one prefix are on one node."""

    def __init__(
        self,
        redis_url: str,
        keep_results: bool = True,
        result_ex_time: int | None = None,
        result_px_time: int | None = None,
        serializer: TaskiqSerializer | None = None,
        prefix_str: str | None = None,
        **options: Unpack[ResultOptions],
    ) -> None:
        server, own = _divided(self, redis_url, options, _RESULTS)
        super().__init__(
            redis_url,
            keep_results,
            result_ex_time,
            result_px_time,
            serializer=serializer,
            prefix_str=prefix_str,
            server=server,
            **own,
        )


class ListRedisClusterScheduleSource(ListRedisScheduleSource):
    """`ListRedisScheduleSource` in a cluster; schedules of one prefix are on one node."""

    def __init__(
        self, url: str, prefix: str = "schedule", **options: Unpack[ScheduleOptions]
    ) -> None:
        server, own = _divided(self, url, options, _SCHEDULES)
        super().__init__(url, prefix, server=server, **own)


# --- options --------------------------------------------------------------------------------------

_BROKER: Final = own_options(ListQueueBroker)
_RESULTS: Final = own_options(RedisAsyncResultBackend)
_SCHEDULES: Final = own_options(ListRedisScheduleSource)
_CLUSTER: Final = keywords_of(RedisCluster)
_ADDRESS: Final = {"host", "port", "path", "startup_nodes"}


def _divided(
    owner: object, url: str, options: Mapping[str, Any], own: frozenset[str]
) -> tuple[ClusterServer, dict[str, Any]]:
    """Return the server with its options, and the options of the base class."""
    # Of the client that finds the nodes, and of connections; ClusterServer tells them apart.
    has_tls = url.startswith("rediss:") or bool(options.get("ssl"))
    connections = (_CLUSTER | connection_options(url)) - _ADDRESS
    if not has_tls:
        connections -= ENCRYPTED - PLAIN
    ours, theirs = divide(owner, options, own=own, connections=connections)
    return ClusterServer(url, **theirs), ours
