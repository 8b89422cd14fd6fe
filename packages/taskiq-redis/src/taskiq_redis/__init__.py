"""Durable broker, results and schedules on a Redis or Valkey server."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_redis.broker import RedisBroker
    from taskiq_redis.compat.cluster import (
        ListQueueClusterBroker,
        ListRedisClusterScheduleSource,
        RedisAsyncClusterResultBackend,
        RedisStreamClusterBroker,
    )
    from taskiq_redis.compat.lists_and_streams import ListQueueBroker, RedisStreamBroker
    from taskiq_redis.compat.schedule_sources import (
        RedisClusterScheduleSource,
        RedisScheduleSource,
        RedisSentinelScheduleSource,
    )
    from taskiq_redis.compat.sentinel import (
        ListQueueSentinelBroker,
        ListRedisSentinelScheduleSource,
        PubSubSentinelBroker,
        RedisAsyncSentinelResultBackend,
        RedisStreamSentinelBroker,
    )
    from taskiq_redis.pubsub_broker import PubSubBroker
    from taskiq_redis.results import RedisAsyncResultBackend
    from taskiq_redis.schedules import ListRedisScheduleSource

__all__ = [
    "ListQueueBroker",
    "ListQueueClusterBroker",
    "ListQueueSentinelBroker",
    "ListRedisClusterScheduleSource",
    "ListRedisScheduleSource",
    "ListRedisSentinelScheduleSource",
    "PubSubBroker",
    "PubSubSentinelBroker",
    "RedisAsyncClusterResultBackend",
    "RedisAsyncResultBackend",
    "RedisAsyncSentinelResultBackend",
    "RedisBroker",
    "RedisClusterScheduleSource",
    "RedisScheduleSource",
    "RedisSentinelScheduleSource",
    "RedisStreamBroker",
    "RedisStreamClusterBroker",
    "RedisStreamSentinelBroker",
]
__version__ = "2.0.0"
_HOMES = {
    "ListQueueBroker": "taskiq_redis.compat.lists_and_streams",
    "ListQueueClusterBroker": "taskiq_redis.compat.cluster",
    "ListQueueSentinelBroker": "taskiq_redis.compat.sentinel",
    "ListRedisClusterScheduleSource": "taskiq_redis.compat.cluster",
    "ListRedisScheduleSource": "taskiq_redis.schedules",
    "ListRedisSentinelScheduleSource": "taskiq_redis.compat.sentinel",
    "PubSubBroker": "taskiq_redis.pubsub_broker",
    "PubSubSentinelBroker": "taskiq_redis.compat.sentinel",
    "RedisAsyncClusterResultBackend": "taskiq_redis.compat.cluster",
    "RedisAsyncResultBackend": "taskiq_redis.results",
    "RedisAsyncSentinelResultBackend": "taskiq_redis.compat.sentinel",
    "RedisBroker": "taskiq_redis.broker",
    "RedisClusterScheduleSource": "taskiq_redis.compat.schedule_sources",
    "RedisScheduleSource": "taskiq_redis.compat.schedule_sources",
    "RedisSentinelScheduleSource": "taskiq_redis.compat.schedule_sources",
    "RedisStreamBroker": "taskiq_redis.compat.lists_and_streams",
    "RedisStreamClusterBroker": "taskiq_redis.compat.cluster",
    "RedisStreamSentinelBroker": "taskiq_redis.compat.sentinel",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
