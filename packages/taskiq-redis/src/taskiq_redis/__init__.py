"""Durable broker, results and schedules on a Redis or Valkey server."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_redis.broker import RedisBroker
    from taskiq_redis.known_names import (
        ListQueueBroker,
        ListQueueClusterBroker,
        ListQueueSentinelBroker,
        ListRedisClusterScheduleSource,
        ListRedisSentinelScheduleSource,
        PubSubSentinelBroker,
        RedisAsyncClusterResultBackend,
        RedisAsyncSentinelResultBackend,
        RedisStreamBroker,
        RedisStreamClusterBroker,
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
    "RedisStreamBroker",
    "RedisStreamClusterBroker",
    "RedisStreamSentinelBroker",
]
__version__ = "2.0.0"
_HOMES = {
    "ListQueueBroker": "taskiq_redis.known_names",
    "ListQueueClusterBroker": "taskiq_redis.known_names",
    "ListQueueSentinelBroker": "taskiq_redis.known_names",
    "ListRedisClusterScheduleSource": "taskiq_redis.known_names",
    "ListRedisScheduleSource": "taskiq_redis.schedules",
    "ListRedisSentinelScheduleSource": "taskiq_redis.known_names",
    "PubSubBroker": "taskiq_redis.pubsub_broker",
    "PubSubSentinelBroker": "taskiq_redis.known_names",
    "RedisAsyncClusterResultBackend": "taskiq_redis.known_names",
    "RedisAsyncResultBackend": "taskiq_redis.results",
    "RedisAsyncSentinelResultBackend": "taskiq_redis.known_names",
    "RedisBroker": "taskiq_redis.broker",
    "RedisStreamBroker": "taskiq_redis.known_names",
    "RedisStreamClusterBroker": "taskiq_redis.known_names",
    "RedisStreamSentinelBroker": "taskiq_redis.known_names",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
