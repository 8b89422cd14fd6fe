"""Brokers, result backend and schedule source on the master that sentinels name.

All take `sentinels`: host and port of each; `master_name`: the name of the master in their
configuration; `min_other_sentinels`: how many others a sentinel must know to be believed;
`sentinel_kwargs`: options of the connections to sentinels. `options` are those of the base class,
or of redis-py's connections to the master, with `ssl=True` for TLS. Any other is a ValueError.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, Unpack

from redis.asyncio import Redis

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_redis.compat.lists_and_streams import ListQueueBroker, refuse_loss
from taskiq_redis.compat.options import (
    BrokerOptions,
    PubSubOptions,
    ResultOptions,
    ScheduleOptions,
    divide,
    own_options,
    refuse_unknown,
)
from taskiq_redis.pubsub_broker import PubSubBroker
from taskiq_redis.results import RedisAsyncResultBackend
from taskiq_redis.schedules import ListRedisScheduleSource
from taskiq_redis.storage.connection_options import ENCRYPTED, PLAIN, keywords_of
from taskiq_redis.storage.servers import SentinelServer

_ReturnType = TypeVar("_ReturnType")
Sentinels = Sequence[tuple[str, int]]


class ListQueueSentinelBroker(ListQueueBroker):
    """`ListQueueBroker` behind Sentinel."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        queue_name: str = "taskiq",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        where = (sentinels, master_name, min_other_sentinels, sentinel_kwargs)
        server, own = _divided(self, where, options, _BROKER)
        super().__init__("", task_id_generator, result_backend, queue_name, server=server, **own)


class RedisStreamSentinelBroker(ListQueueSentinelBroker):
    """Deprecated alias of `ListQueueSentinelBroker`, with the options of `RedisStreamBroker`."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        min_other_sentinels: int = 0,
        queue_name: str = "taskiq",
        consumer_group_name: str = "taskiq",
        consumer_name: str | None = None,
        consumer_id: str = "$",
        mkstream: bool = True,
        xread_block: int = 10_000,
        maxlen: int | None = None,
        approximate: bool = True,
        additional_streams: Mapping[str, str | int] | None = None,
        *,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        refuse_loss(type(self).__name__, maxlen, additional_streams)
        super().__init__(
            sentinels,
            master_name,
            result_backend,
            task_id_generator,
            queue_name,
            min_other_sentinels,
            sentinel_kwargs,
            **options,
        )
        self.earlier_group = consumer_group_name


class PubSubSentinelBroker(PubSubBroker):
    """`PubSubBroker` behind Sentinel."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        queue_name: str = "taskiq",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[PubSubOptions],
    ) -> None:
        where = (sentinels, master_name, min_other_sentinels, sentinel_kwargs)
        server, own = _divided(self, where, options, _PUBSUB)
        super().__init__("", task_id_generator, result_backend, queue_name, server=server, **own)


class RedisAsyncSentinelResultBackend(RedisAsyncResultBackend[_ReturnType]):
    """`RedisAsyncResultBackend` behind Sentinel."""

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
        **options: Unpack[ResultOptions],
    ) -> None:
        where = (sentinels, master_name, min_other_sentinels, sentinel_kwargs)
        server, own = _divided(self, where, options, _RESULTS)
        super().__init__(
            "",
            keep_results,
            result_ex_time,
            result_px_time,
            serializer=serializer,
            prefix_str=prefix_str,
            server=server,
            **own,
        )


class ListRedisSentinelScheduleSource(ListRedisScheduleSource):
    """`ListRedisScheduleSource` behind Sentinel."""

    def __init__(
        self,
        sentinels: Sentinels,
        master_name: str,
        prefix: str = "schedule",
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[ScheduleOptions],
    ) -> None:
        where = (sentinels, master_name, min_other_sentinels, sentinel_kwargs)
        server, own = _divided(self, where, options, _SCHEDULES)
        super().__init__("", prefix, server=server, **own)


# --- options --------------------------------------------------------------------------------------

_BROKER: Final = own_options(ListQueueBroker)
_PUBSUB: Final = own_options(PubSubBroker)
_RESULTS: Final = own_options(RedisAsyncResultBackend)
_SCHEDULES: Final = own_options(ListRedisScheduleSource)
_ADDRESS: Final = {"host", "port"}  # the sentinels know it
_SENTINEL: Final = keywords_of(Redis) - _ADDRESS
_MASTER: Final = PLAIN - _ADDRESS | {"ssl", "check_connection"}  # no signature has these two


def _divided(
    owner: object,
    where: tuple[Sentinels, str, int, Mapping[str, Any] | None],
    options: Mapping[str, Any],
    own: frozenset[str],
) -> tuple[SentinelServer, dict[str, Any]]:
    """Return the server with its options, and the options of the base class."""
    sentinels, master_name, min_other_sentinels, sentinel_kwargs = where
    refuse_unknown(f"{type(owner).__name__}'s sentinel_kwargs", sentinel_kwargs or {}, _SENTINEL)
    connections = _MASTER | ENCRYPTED - _ADDRESS if options.get("ssl") else _MASTER
    ours, theirs = divide(owner, options, own=own, connections=connections)
    server = SentinelServer(
        sentinels,
        master_name,
        min_other_sentinels=min_other_sentinels,
        sentinel_kwargs=sentinel_kwargs,
        **theirs,
    )
    return server, ours
