"""The lease on one message, which a worker settles exactly once."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.acks import AckableMessage


class Delivery(ABC):
    """One message in the hands of one worker.

    What `AsyncBroker.deliveries` yields. Core settles it exactly once, with one of `ack`, `release`
    and `bury`; `extend` may be called any number of times before. An implementation must keep:

    - Each settling call returns when the store has it; if it raises, the delivery is not settled
      and will be delivered again.
    - A call on a delivery that already belongs to another worker raises `LeaseLostError`.
    - A delivery stays settleable when the generator that yielded it is closed.
    - It has a slot of its worker until the task has ended, also where it is settled before that.
    - If an acknowledgement does not reach the store, the message is delivered again.
    - Methods of things that the broker does not declare in `capabilities` are never called.

    Attributes:
        data: the message's bytes, as `kick` was given them.
        attempt: 1 on the first delivery; counted by the store, so that it survives a killed worker.
        unsettled: how many earlier deliveries ended without being settled, because their worker
            died or lost its lease. Core buries messages by this number.
        failures: how many earlier deliveries were released because the task failed, and not by a
            requeue or at the end of a worker; None where the store does not keep it, so that all
            released deliveries count. Core raises it before such a `release`: a store that keeps it
            stores the number there.
        lease: seconds after which the store takes the message back unless it is extended; None if
            it never does.
        fence: a number that grows with each delivery of this message; nothing is said of other
            messages. None where deliveries can't be lost. Result backends keep results of later
            deliveries by it.
        aborted: whether the abort of the task was asked for: before this delivery, or before its
            latest renewal.
        expired: whether the time of the label `expires` was over before the message was delivered.
            Core runs no task for it: it stores an error result and buries the message.
        task_id: of the task, as the store has it beside the bytes; None where it has none that can
            be read. If the message can't be read, this is whose caller gets an error result.
        unreadable: what of the store's record of the message can't be read; None if all can. Core
            buries such a delivery. A stream that raised instead would hold up every other message.
        is_ack_only: whether it can be acknowledged, and neither released nor buried; of a class.
    """

    is_ack_only: ClassVar[bool] = False

    __slots__ = (
        "aborted",
        "attempt",
        "data",
        "expired",
        "failures",
        "fence",
        "lease",
        "task_id",
        "unreadable",
        "unsettled",
    )

    def __init__(
        self,
        data: bytes,
        *,
        attempt: int = 1,
        unsettled: int | None = None,
        failures: int | None = None,
        lease: float | None = None,
        fence: int | None = None,
        aborted: bool = False,
        expired: bool = False,
        task_id: str | None = None,
        unreadable: str | None = None,
    ) -> None:
        self.data = data
        self.attempt = attempt
        self.unsettled = attempt - 1 if unsettled is None else unsettled
        self.failures = failures
        self.lease = lease
        self.fence = fence
        self.aborted = aborted
        self.expired = expired
        self.task_id = task_id
        self.unreadable = unreadable

    @property
    def is_ackable(self) -> bool:
        """Whether the broker waits for an acknowledgement at all."""
        return True

    @abstractmethod
    async def ack(self) -> None:
        """Done: the store forgets the message."""

    async def release(self, delay: float = 0) -> None:
        """Give the message back, to be delivered again after `delay` seconds."""
        raise CapabilityError(broker=type(self).__name__, action="release", capability="release")

    async def extend(self) -> None:
        """Renew the lease; sets `aborted` if the abort of the task was asked for meanwhile.

        Raises:
            LeaseLostError: it ran out and the message belongs to another worker.
        """
        raise CapabilityError(
            broker=type(self).__name__, action="extend a lease", capability="lease"
        )

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Move the message to the dead letters, with the reason and the last exception's text."""
        raise CapabilityError(broker=type(self).__name__, action="bury", capability="dead_letter")


class AckOnlyDelivery(Delivery):
    """The delivery of a simple broker: bytes, and perhaps a function that acknowledges them."""

    is_ack_only = True

    __slots__ = ("_ack",)

    def __init__(self, data: bytes, ack: Callable[[], Awaitable[None] | None] | None) -> None:
        # What is not acknowledged was removed from the store when it was fetched.
        super().__init__(data)
        self._ack = ack

    @property
    def is_ackable(self) -> bool:
        """Whether the broker gave a function to acknowledge with."""
        return self._ack is not None

    async def ack(self) -> None:
        """Call the broker's function, which may be a plain one."""
        if self._ack is not None:
            pending = self._ack()
            if inspect.isawaitable(pending):
                await pending


def as_delivery(message: bytes | AckableMessage | Delivery) -> Delivery:
    """Return a message that a broker's `listen` yielded as a delivery."""
    if isinstance(message, Delivery):
        return message
    if isinstance(message, AckableMessage):
        return AckOnlyDelivery(message.data, message.ack)
    return AckOnlyDelivery(message, None)
