"""MemoryDelivery: a delivery that never leaves the process."""

from typing import Protocol

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage


class SettlingQueue(Protocol):
    """The queue that takes a delivery back."""

    def release(self, delivery: "MemoryDelivery", delay: float) -> None:
        """Deliver the message again, as its next attempt, in `delay` seconds."""

    def bury(self, delivery: "MemoryDelivery", reason: str, error: str | None) -> None:
        """Move the message to the dead letters."""


class MemoryDelivery(Delivery):
    """One delivery of one message in this process.

    Args:
        message: what was sent.
        queue: the queue that made the delivery.
        attempt: 1 on the first delivery.
        aborted: whether the abort of the task was asked for before this delivery.

    Attributes:
        is_released: whether the message was released, so that its task is still in flight.
        is_settled: whether it was settled; the thread of its task may still run.
    """

    __slots__ = ("_queue", "is_released", "is_settled", "message")

    def __init__(
        self,
        message: BrokerMessage,
        queue: SettlingQueue,
        *,
        attempt: int = 1,
        aborted: bool = False,
    ) -> None:
        # A worker in this process can't die alone: every delivery before this one was settled.
        super().__init__(message.message, attempt=attempt, unsettled=0, aborted=aborted)
        self.message = message
        self.is_released = False
        self.is_settled = False
        self._queue = queue

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
