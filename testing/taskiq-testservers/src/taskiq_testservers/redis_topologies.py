"""Brokers of the forms that are tested, for worker processes, too."""

from taskiq_redis import (
    RedisAsyncClusterResultBackend,
    RedisAsyncSentinelResultBackend,
    RedisBroker,
)
from taskiq_redis.servers import ClusterServer, SentinelServer

MASTER = "master"
LEASE = 1.0
SIZE = 4_000_000


def sentinel_broker(where: tuple[list[tuple[str, int]], str]) -> RedisBroker:
    """A broker, given sentinels and the name of a queue."""
    sentinels, name = where
    backend = RedisAsyncSentinelResultBackend[object](sentinels, MASTER, prefix_str=name)
    server = SentinelServer(sentinels, MASTER)
    return RedisBroker(result_backend=backend, queue_name=name, lease=LEASE, server=server)


def cluster_broker(where: tuple[str, str]) -> RedisBroker:
    """A broker, given the URL of a node and the name of a queue."""
    url, name = where
    backend = RedisAsyncClusterResultBackend[object](url, prefix_str=name)
    server = ClusterServer(url)
    return RedisBroker(result_backend=backend, queue_name=name, lease=LEASE, server=server)
