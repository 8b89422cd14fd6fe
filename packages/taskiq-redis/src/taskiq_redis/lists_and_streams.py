"""The brokers of lists and streams by the names that they have in taskiq-redis 1.x.

Both are one engine here, that of `RedisBroker`. Options that only tuned the older engines are taken
and not needed; those that would change what becomes of tasks are refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_redis.broker import RedisBroker
from taskiq_redis.form_options import (
    BrokerOptions,
    connection_options,
    own_options,
    refuse_unknown,
)
from taskiq_redis.servers import Server


class ListQueueBroker(RedisBroker):
    """`RedisBroker` by an older name; without a result backend it keeps no results.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default, or on the same server if
            `result_ex_time` says for how long.
        queue_name: programs and workers of the same name share a queue.
        max_connection_pool_size: not needed, connections are held.
        server: in place of the URL, for Sentinel and Cluster.
        options: of `RedisBroker`; others are those of redis-py's connections.

    Raises:
        ValueError: there is no such option.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        *,
        server: Server | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        del max_connection_pool_size
        # A server that is given has its connections' options already.
        connections = connection_options(url) if server is None else frozenset[str]()
        refuse_unknown(type(self).__name__, options, _OWN | connections)
        if result_backend is None and "result_ex_time" not in options:
            result_backend = DummyResultBackend()
        super().__init__(
            url, task_id_generator, result_backend, queue_name, server=server, **options
        )


_OWN = own_options(RedisBroker)


class RedisStreamBroker(ListQueueBroker):
    """`RedisBroker` by an older name.

    What is not listed below tuned the reading of streams, and is not needed.

    Args:
        url: of the server.
        queue_name: programs and workers of the same name share a queue.
        consumer_group_name: not needed: each message goes to one worker of the queue.
        maxlen: must be None.
        idle_timeout: milliseconds after which a message of a dead worker is another's.
        additional_streams: must be None.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        options: of `RedisBroker`; others are those of redis-py's connections.

    Raises:
        ValueError: `maxlen` or `additional_streams` is given, or there is no such option.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        queue_name: str = "taskiq",
        max_connection_pool_size: int | None = None,
        consumer_group_name: str = "taskiq",
        consumer_name: str | None = None,
        consumer_id: str = "$",
        mkstream: bool = True,
        xread_block: int = 2000,
        maxlen: int | None = None,
        approximate: bool = True,
        idle_timeout: int = 600_000,
        unacknowledged_batch_size: int = 100,
        unacknowledged_lock_timeout: float | None = None,
        xread_count: int | None = 100,
        additional_streams: Mapping[str, str | int] | None = None,
        *,
        task_id_generator: Callable[[], str] | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        **options: Unpack[BrokerOptions],
    ) -> None:
        refuse_loss(type(self).__name__, maxlen, additional_streams)
        options.setdefault("lease", idle_timeout / 1000)
        super().__init__(url, task_id_generator, result_backend, queue_name, **options)


def refuse_loss(
    name: str, maxlen: int | None, additional_streams: Mapping[str, str | int] | None
) -> None:
    """Raise ValueError for options of streams that would change what becomes of tasks."""
    if maxlen is not None:
        raise ValueError(f"{name}: maxlen would drop tasks that were not run: leave it out")
    if additional_streams:
        raise ValueError(
            f"{name}: additional_streams are queues of their own here: make a broker for each"
        )
