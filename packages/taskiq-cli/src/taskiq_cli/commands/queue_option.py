"""The option `--queue`, and the queues of a broker that it names."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import click

from taskiq_cli.errors import UnknownQueueError
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker


class QueueArguments(TypedDict, total=False):
    """What the methods of a broker get; empty for its only or its default queue."""

    queue: str


def queue_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option; it gets the name as `queue`, None for the default queue."""
    return click.option(
        "--queue", metavar="NAME", help="Of a broker with several queues; the default one without."
    )(command)


async def queue_arguments(
    broker: "AsyncBroker", queue: str | None, *, must_exist: bool = True
) -> QueueArguments:
    """Return the arguments by which a broker's methods are called for a queue.

    Args:
        broker: is started.
        queue: the name that was typed; None for the default queue.
        must_exist: whether a queue that has never held a message is refused, as it is probably
            misspelt.

    Raises:
        CapabilityError: the broker has one queue, which has no name.
        UnknownQueueError: see `must_exist`.
    """
    if queue is None:
        return {}
    if not has(broker, Capability.QUEUES):
        raise CapabilityError(
            broker=type(broker).__name__,
            action=f"ask for queue {queue!r}",
            capability=Capability.QUEUES,
        )
    if must_exist and queue not in (known := await broker.queue_names()):
        raise UnknownQueueError(queue=queue, known=", ".join(known) or "not any")
    return {"queue": queue}


async def each_queue(broker: "AsyncBroker", queue: str | None = None) -> Sequence[QueueArguments]:
    """Return the arguments for each queue of a broker, or for the one that was typed."""
    if queue is None and has(broker, Capability.QUEUES):
        return [{"queue": name} for name in await broker.queue_names()] or [{}]
    return [await queue_arguments(broker, queue)]


async def queue_name(broker: "AsyncBroker", queue: str | None) -> str:
    """Return the name of a queue to show; `default` where the broker does not name it."""
    if queue is not None:
        return queue
    names = await broker.queue_names() if has(broker, Capability.QUEUES) else ()
    return names[0] if names else "default"


def has(broker: "AsyncBroker", capability: Capability) -> bool:
    """Whether a broker declares a capability."""
    return capability in (broker.capabilities or ())
