"""Durable broker, results and schedules on a Redis or Valkey server."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_redis.broker import RedisBroker
    from taskiq_redis.pubsub_broker import PubSubBroker
    from taskiq_redis.results import RedisAsyncResultBackend
    from taskiq_redis.schedules import ListRedisScheduleSource

__all__ = [
    "ListRedisScheduleSource",
    "PubSubBroker",
    "RedisAsyncResultBackend",
    "RedisBroker",
]
__version__ = "2.0.0"
_HOMES = {
    "ListRedisScheduleSource": "taskiq_redis.schedules",
    "PubSubBroker": "taskiq_redis.pubsub_broker",
    "RedisAsyncResultBackend": "taskiq_redis.results",
    "RedisBroker": "taskiq_redis.broker",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
