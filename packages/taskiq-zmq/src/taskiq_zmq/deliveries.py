"""ZeroMQDelivery: one message in the hands of a worker."""

from typing import Protocol

from taskiq_core.messages.delivery import Delivery
from taskiq_zmq import records


class Connection(Protocol):
    """Where a delivery came from."""

    def settle(
        self, delivery: "ZeroMQDelivery", record: records.Release | records.Bury | None
    ) -> None:
        """Tell the hub; None acknowledges. Raises LeaseLostError if it was lost meanwhile."""


class ZeroMQDelivery(Delivery):
    """A message from a client, on loan for as long as the connection stands.

    Settling calls return when the answer is on its way out with the next batch. No message is lost
    if the worker dies before that: the client gives everything that is not settled to another
    worker.

    Attributes:
        tag: what client and worker call this delivery.
        task_id: of the message.
        epoch: of the connection it came over.
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
        """Done: the client forgets the message."""
        self._connection.settle(self, None)

    async def release(self, delay: float = 0) -> None:
        """The client delivers it again after `delay` seconds, behind what waits."""
        self._connection.settle(self, records.Release(self.tag, max(delay, 0.0)))

    async def bury(self, reason: str, error: str | None = None) -> None:
        """The client keeps it among its dead letters."""
        text = reason if error is None else f"{reason}\n{error}"
        self._connection.settle(self, records.Bury(self.tag, text))
