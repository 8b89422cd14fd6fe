"""MemoryDelivery: a delivery that never leaves the process."""

import time
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage

_numbers = count(1)


class SettlingQueue(Protocol):
    """The queue that takes a delivery back."""

    def release(self, delivery: "MemoryDelivery", delay: float) -> None:
        """Deliver the message again, as its next attempt, in `delay` seconds."""

    def bury(self, delivery: "MemoryDelivery", reason: str, error: str | None) -> None:
        """Move a message to the dead letters.

        Args:
            delivery: has the message.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.
        """


class MemoryDelivery(Delivery):
    """One delivery of one message in this process.

    Args:
        message: what was sent.
        queue: the queue that made the delivery.
        queue_name: the name that its label, or the broker, gives to its queue.

    Attributes:
        number: grows with each delivery of any message.
        due_at: when it is due, in UTC; None unless it was delayed.
        is_inplace: whether the sender waits until the task has run.
        sent_timestamp: when the message was sent, in seconds since the epoch.
        next: the delivery that takes this one's place because it was released; the sender runs it.
        is_released: whether the message was released, so that its task is still in flight.
        is_settled: whether it was settled; the thread of its task may still run.
    """

    __slots__ = (
        "_queue",
        "due_at",
        "is_inplace",
        "is_released",
        "is_settled",
        "message",
        "next",
        "number",
        "queue_name",
        "sent_timestamp",
    )

    def __init__(self, message: BrokerMessage, queue: SettlingQueue, *, queue_name: str) -> None:
        super().__init__(message.message, unsettled=0, task_id=message.task_id)
        self.message = message
        self.queue_name = queue_name
        self.number = next(_numbers)
        self.sent_timestamp = time.time()
        self.due_at: datetime | None = None
        self.is_inplace = False
        self.next: MemoryDelivery | None = None
        self.is_released = False
        self.is_settled = False
        self._queue = queue

    def again(self) -> "MemoryDelivery":
        """Return the next delivery of the message."""
        # A worker in this process can't die alone: every delivery before it was settled.
        following = MemoryDelivery(self.message, self._queue, queue_name=self.queue_name)
        following.attempt = self.attempt + 1
        following.aborted = self.aborted
        following.sent_timestamp = self.sent_timestamp
        return following

    @property
    def sent_at(self) -> datetime:
        """When the message was sent, in UTC."""
        return datetime.fromtimestamp(self.sent_timestamp, UTC)

    def __str__(self) -> str:
        return f"{self.message.task_name} ({self.message.task_id})"

    async def ack(self) -> None:
        """Forget the message, which only this delivery holds."""
        self.is_settled = True

    async def release(self, delay: float = 0) -> None:
        """Queue the message again in this process."""
        self.is_released = self.is_settled = True
        self._queue.release(self, delay)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Keep the message in this process."""
        self.is_settled = True
        self._queue.bury(self, reason, error)
