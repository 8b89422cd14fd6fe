"""Deliveries that never leave the process."""

from typing import Protocol

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage


class Queue(Protocol):
    """Where deliveries go back to."""

    def put_back(
        self, message: BrokerMessage, attempt: int, delay: float, *, aborted: bool
    ) -> None:
        """The message is to be delivered again, as this attempt."""

    def bury(self, message: BrokerMessage, attempt: int, reason: str, error: str | None) -> None:
        """The message is given up at this attempt."""


class MemoryDelivery(Delivery):
    """One message on its way through the worker of this process.

    Attributes:
        message: what was sent.
        is_back: whether the message was released, so that its task is still in flight.
        is_settled: whether it was settled; the thread of its task may still go on.
    """

    __slots__ = ("_queue", "is_back", "is_settled", "message")

    def __init__(
        self, message: BrokerMessage, queue: Queue, *, attempt: int = 1, aborted: bool = False
    ) -> None:
        # A worker in this process can't die alone: every delivery before this one was settled.
        super().__init__(message.message, attempt=attempt, unsettled=0, aborted=aborted)
        self.message = message
        self.is_back = False
        self.is_settled = False
        self._queue = queue

    async def ack(self) -> None:
        """Nothing remembers the message: it lives in this delivery alone."""
        self.is_settled = True

    async def release(self, delay: float = 0) -> None:
        """Deliver it again after `delay` seconds."""
        self.is_back = self.is_settled = True
        self._queue.put_back(self.message, self.attempt + 1, delay, aborted=self.aborted)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Keep it among the dead letters."""
        self.is_settled = True
        self._queue.bury(self.message, self.attempt, reason, error)
