"""Messages in a Redis queue, without a worker."""

from typing import Any

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.messages.message import BrokerMessage
from taskiq_redis import RedisBroker
from taskiq_redis.queue.fetch import Fetcher
from taskiq_redis.queue.settle import RedisDelivery


def message(task_id: str, body: bytes = b"body", **labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=body, labels=labels)


async def fetch(
    broker: RedisBroker, limit: int = 10, *, lease: float = 60
) -> Fetched[RedisDelivery]:
    """Fetch as a worker does, once.

    Args:
        broker: has the queue.
        limit: how many messages to fetch at most.
        lease: of the deliveries, in seconds.
    """
    return await Fetcher(broker.queue, lease=lease).fetch(limit)


async def fetch_one(broker: RedisBroker, *, lease: float = 60) -> RedisDelivery:
    """Fetch the one message that the queue has."""
    (delivery,) = (await fetch(broker, lease=lease)).deliveries
    return delivery
