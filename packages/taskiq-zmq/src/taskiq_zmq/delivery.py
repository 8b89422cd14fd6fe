"""ZeroMQDelivery: one message that a client lent to a worker."""

from typing import Final, Protocol

from taskiq_core.messages.delivery import Delivery
from taskiq_zmq.protocol import records

MAX_REASON: Final = 16_384
"""Characters of the reason and of the last error that travel with a dead letter."""


class Connection(Protocol):
    """The connection that a delivery came over."""

    def settle(
        self, delivery: "ZeroMQDelivery", record: records.Release | records.Bury | None
    ) -> None:
        """Send the record that settles a delivery; None acknowledges it.

        Raises:
            LeaseLostError: the connection was lost meanwhile.
        """


class ZeroMQDelivery(Delivery):
    """A message from a client, leased for as long as the connection stands.

    Settling methods return when the record is in the next batch. If the worker dies before that
    batch leaves, the client gives every unsettled message to another worker.

    Attributes:
        tag: the number of this delivery, chosen by the client.
        task_id: id of the message's task.
        epoch: number of the connection that the delivery came over.
        has_result: whether the result has been sent.
    """

    __slots__ = ("_connection", "epoch", "has_result", "tag")

    task_id: str

    def __init__(self, task: records.Task, connection: Connection, epoch: int) -> None:
        super().__init__(
            task.body,
            attempt=task.attempt,
            unsettled=task.unsettled,
            aborted=task.aborted,
            task_id=task.task_id,
        )
        self.tag = task.tag
        self.epoch = epoch
        self.has_result = False
        self._connection = connection

    async def ack(self) -> None:
        """Let the client forget the message."""
        self._connection.settle(self, None)

    async def release(self, delay: float = 0) -> None:
        """Have the client deliver it again after `delay` seconds, behind waiting messages."""
        self._connection.settle(self, records.Release(self.tag, max(delay, 0.0)))

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Have the client keep it among its dead letters."""
        text = (
            reason[:MAX_REASON] if error is None else f"{reason[:MAX_REASON]}\n{error[:MAX_REASON]}"
        )
        self._connection.settle(self, records.Bury(self.tag, text))
