"""Brokers of the forms that are tested, for worker processes, too."""

from taskiq_redis import (
    ListQueueClusterBroker,
    ListQueueSentinelBroker,
    RedisAsyncClusterResultBackend,
    RedisAsyncSentinelResultBackend,
)

MASTER = "master"
LEASE = 1.0
SIZE = 4_000_000


def sentinel_broker(where: tuple[list[tuple[str, int]], str]) -> ListQueueSentinelBroker:
    """A broker, given sentinels and the name of a queue."""
    sentinels, name = where
    backend = RedisAsyncSentinelResultBackend[object](sentinels, MASTER, prefix_str=name)
    return ListQueueSentinelBroker(sentinels, MASTER, backend, queue_name=name, lease=LEASE)


def cluster_broker(where: tuple[str, str]) -> ListQueueClusterBroker:
    """A broker, given the URL of a node and the name of a queue."""
    url, name = where
    backend = RedisAsyncClusterResultBackend[object](url, prefix_str=name)
    return ListQueueClusterBroker(url, result_backend=backend, queue_name=name, lease=LEASE)
