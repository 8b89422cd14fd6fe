"""Queues and exchanges as programs declare them, with the parameters of taskiq-aio-pika 0.6."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from taskiq_aio_pika.options import DEFAULT_QUEUE


class QueueType(StrEnum):
    """How RabbitMQ keeps a queue."""

    QUORUM = "quorum"
    """Replicated, and counts deliveries; the default."""
    CLASSIC = "classic"
    """On one node, and does not count deliveries."""
    STREAM = "stream"
    """Not for tasks: its messages can't be acknowledged one by one. It is refused."""


@dataclass(frozen=True)
class Queue:
    """A queue of tasks.

    Attributes:
        declare: whether the broker may create it.
        type: see `QueueType`.
        name: its name, and the value of the label `queue_name` that chooses it.
        durable: whether it survives a restart of the server; quorum queues always do.
        exclusive: whether only the connection that declared it may use it.
        passive: whether the broker only checks that it exists, as with `declare=False`.
        auto_delete: whether the server deletes it with its last consumer.
        max_priority: refused: RabbitMQ before 4.3 has no strict priorities in quorum queues.
        arguments: of its declaration, such as `x-max-length`; they win over the broker's own.
        timeout: seconds for its declaration; None for the broker's `confirm_timeout`.
        routing_key: of its binding to the broker's exchange; its name by default.
        bind_arguments: of that binding.
        bind_timeout: seconds for the binding; None for the broker's `confirm_timeout`.
        consumer_arguments: of `basic.consume`.
    """

    declare: bool = True
    type: QueueType = QueueType.QUORUM
    name: str = DEFAULT_QUEUE
    durable: bool = True
    exclusive: bool = False
    passive: bool = False
    auto_delete: bool = False
    max_priority: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    routing_key: str | None = None
    bind_arguments: Mapping[str, Any] = field(default_factory=dict)
    bind_timeout: float | None = None
    consumer_arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type == QueueType.STREAM:
            raise ValueError(
                f"queue {self.name!r} is a stream, whose messages can't be acknowledged one by "
                "one: use QueueType.QUORUM"
            )
        if self.max_priority is not None:
            raise ValueError(
                f"queue {self.name!r} has max_priority, and priorities are not supported: give "
                "urgent tasks a queue of their own, or use a broker with priorities, such as "
                "taskiq[redis] or taskiq[pgsql]"
            )


@dataclass(frozen=True)
class Exchange:
    """An exchange that tasks are published to.

    Attributes:
        name: its name.
        type: `topic`, `direct`, `fanout` or `headers`, as text or as a member of an enum.
        internal: whether clients may not publish to it.
        passive: whether the broker only checks that it exists.
        auto_delete: whether the server deletes it with its last binding.
        declare: whether the broker may create it.
        durable: whether it survives a restart of the server.
        arguments: of its declaration.
        timeout: seconds for its declaration; None for the broker's `confirm_timeout`.
    """

    name: str = "taskiq"
    type: str = "topic"
    internal: bool = False
    passive: bool = False
    auto_delete: bool = False
    declare: bool = True
    durable: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
