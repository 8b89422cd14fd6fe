"""Durable broker, results and schedules on a Redis or Valkey server."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_redis.broker import RedisBroker
    from taskiq_redis.cluster_forms import (
        ListQueueClusterBroker,
        ListRedisClusterScheduleSource,
        RedisAsyncClusterResultBackend,
        RedisStreamClusterBroker,
    )
    from taskiq_redis.lists_and_streams import ListQueueBroker, RedisStreamBroker
    from taskiq_redis.pubsub_broker import PubSubBroker
    from taskiq_redis.results import RedisAsyncResultBackend
    from taskiq_redis.schedule_names import (
        RedisClusterScheduleSource,
        RedisScheduleSource,
        RedisSentinelScheduleSource,
    )
    from taskiq_redis.schedules import ListRedisScheduleSource
    from taskiq_redis.sentinel_forms import (
        ListQueueSentinelBroker,
        ListRedisSentinelScheduleSource,
        PubSubSentinelBroker,
        RedisAsyncSentinelResultBackend,
        RedisStreamSentinelBroker,
    )

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
    "ListQueueBroker": "taskiq_redis.lists_and_streams",
    "ListQueueClusterBroker": "taskiq_redis.cluster_forms",
    "ListQueueSentinelBroker": "taskiq_redis.sentinel_forms",
    "ListRedisClusterScheduleSource": "taskiq_redis.cluster_forms",
    "ListRedisScheduleSource": "taskiq_redis.schedules",
    "ListRedisSentinelScheduleSource": "taskiq_redis.sentinel_forms",
    "PubSubBroker": "taskiq_redis.pubsub_broker",
    "PubSubSentinelBroker": "taskiq_redis.sentinel_forms",
    "RedisAsyncClusterResultBackend": "taskiq_redis.cluster_forms",
    "RedisAsyncResultBackend": "taskiq_redis.results",
    "RedisAsyncSentinelResultBackend": "taskiq_redis.sentinel_forms",
    "RedisBroker": "taskiq_redis.broker",
    "RedisClusterScheduleSource": "taskiq_redis.schedule_names",
    "RedisScheduleSource": "taskiq_redis.schedule_names",
    "RedisSentinelScheduleSource": "taskiq_redis.schedule_names",
    "RedisStreamBroker": "taskiq_redis.lists_and_streams",
    "RedisStreamClusterBroker": "taskiq_redis.cluster_forms",
    "RedisStreamSentinelBroker": "taskiq_redis.sentinel_forms",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
