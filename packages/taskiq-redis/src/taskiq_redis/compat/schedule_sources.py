"""The names of schedule sources in older versions of taskiq-redis 1.x."""

from collections.abc import Mapping
from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_redis.compat.cluster import ListRedisClusterScheduleSource
from taskiq_redis.compat.sentinel import ListRedisSentinelScheduleSource, Sentinels
from taskiq_redis.schedules import ListRedisScheduleSource


class RedisScheduleSource(ListRedisScheduleSource):
    """Deprecated alias of `ListRedisScheduleSource`; `buffer_size` has no effect."""

    def __init__(
        self,
        url: str,
        prefix: str = "schedule",
        buffer_size: int = 50,
        max_connection_pool_size: int | None = None,
        serializer: TaskiqSerializer | None = None,
        **options: Any,
    ) -> None:
        super().__init__(url, prefix, max_connection_pool_size, serializer, buffer_size, **options)


class RedisClusterScheduleSource(ListRedisClusterScheduleSource):
    """Deprecated alias of `ListRedisClusterScheduleSource`."""

    def __init__(
        self,
        url: str,
        prefix: str = "schedule",
        serializer: TaskiqSerializer | None = None,
        **options: Any,
    ) -> None:
        super().__init__(url, prefix, serializer=serializer, **options)


class RedisSentinelScheduleSource(ListRedisSentinelScheduleSource):
    """Deprecated alias of `ListRedisSentinelScheduleSource`; `buffer_size` has no effect."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        prefix: str = "schedule",
        buffer_size: int = 50,
        serializer: TaskiqSerializer | None = None,
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        del buffer_size
        super().__init__(
            sentinels,
            master_name,
            prefix,
            min_other_sentinels,
            sentinel_kwargs,
            serializer=serializer,
            **options,
        )
