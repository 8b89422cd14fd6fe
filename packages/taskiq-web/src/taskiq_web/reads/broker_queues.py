"""The queues of a broker, and what it can do."""

from collections.abc import Sequence
from typing import Final, TypedDict

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_web.errors import RequestRefusedError

MAX_QUEUES: Final = 100
"""Queues that are looked at without being asked for by name."""


class QueueArguments(TypedDict, total=False):
    """What the methods of a broker get; empty for its only queue."""

    queue: str


def has(broker: AsyncBroker, capability: Capability) -> bool:
    """Return whether a broker declares a capability."""
    return capability in (broker.capabilities or ())


async def queue_names(broker: AsyncBroker) -> Sequence[str]:
    """Return the names of the queues; that of the default queue where the broker has one queue."""
    names = await broker.queue_names() if has(broker, Capability.QUEUES) else ()
    return list(names) or [broker.queue_name]


def arguments_of(broker: AsyncBroker, queue: str) -> QueueArguments:
    """Return the arguments by which a broker's methods are called for one of its queues."""
    return {"queue": queue} if has(broker, Capability.QUEUES) else {}


async def known_queue(broker: AsyncBroker, queue: str) -> str:
    """Return the name of a queue that a request names; the default queue for an empty name.

    Raises:
        RequestRefusedError: the broker has not held a message of such a queue.
    """
    names = await queue_names(broker)
    if not queue:
        return names[0]
    if queue not in names:
        raise RequestRefusedError(status=404, reason=f"There is no queue {queue!r}.")
    return queue


async def stats_of(broker: AsyncBroker, queues: Sequence[str]) -> dict[str, QueueStats]:
    """Return the counts of some queues, by name.

    Raises:
        CapabilityError: the broker can't count.
    """
    return {name: await broker.stats(**arguments_of(broker, name)) for name in queues}
