"""The names of `RedisBroker` in taskiq-redis 1.x, which had brokers of lists and of streams.

Options that tuned lists and streams are accepted without effect; options that would drop tasks are
refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_redis.broker import RedisBroker
from taskiq_redis.compat.options import BrokerOptions, own_options, refuse_unknown
from taskiq_redis.storage.connection_options import connection_options
from taskiq_redis.storage.servers import Server


class ListQueueBroker(RedisBroker):
    """Deprecated alias of `RedisBroker`; keeps no results without a result backend.

    Args:
        url: of the server.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default, or on this server if
            `result_ex_time` is given.
        queue_name: programs and workers with the same name share a queue.
        max_connection_pool_size: without effect.
        server: in place of the URL, for Sentinel and Cluster.
        options: of `RedisBroker`, or of redis-py's connections.

    Raises:
        ValueError: an option is unknown.
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
        # A given server has the options of its connections already.
        connections = connection_options(url) if server is None else frozenset[str]()
        refuse_unknown(type(self).__name__, options, _OWN | connections)
        if result_backend is None and "result_ex_time" not in options:
            result_backend = DummyResultBackend()
        super().__init__(
            url, task_id_generator, result_backend, queue_name, server=server, **options
        )


_OWN = own_options(RedisBroker)


class RedisStreamBroker(ListQueueBroker):
    """Deprecated alias of `ListQueueBroker`, with the options of streams.

    Options that are not listed below tuned the reading of streams, and have no effect.

    Args:
        url: of the server.
        queue_name: programs and workers with the same name share a queue.
        consumer_group_name: without effect: each message goes to one worker of the queue.
        maxlen: must be None.
        idle_timeout: milliseconds after which another worker gets the message of a dead one.
        additional_streams: must be None.
        task_id_generator: makes task ids.
        result_backend: where results are kept; nowhere by default.
        options: of `RedisBroker`, or of redis-py's connections.

    Raises:
        ValueError: `maxlen` or `additional_streams` is given, or an option is unknown.
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
    """Refuse options of stream brokers that would drop tasks.

    Args:
        name: the class that was given the options, for the error.
        maxlen: messages that a stream would keep; None to keep all.
        additional_streams: other streams to read; None or empty for no others.

    Raises:
        ValueError: one of the options is set.
    """
    if maxlen is not None:
        raise ValueError(f"{name}: maxlen would drop tasks that were not run: leave it out")
    if additional_streams:
        raise ValueError(
            f"{name}: additional_streams are queues of their own here: make a broker for each"
        )
