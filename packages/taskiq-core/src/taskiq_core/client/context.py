"""What a running task can know of itself, and do about its message."""

from typing import NoReturn

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.exceptions import TaskRejectedError, TaskRetryError
from taskiq_core.messages.acks import NOT_ACKABLE, AckController
from taskiq_core.messages.cancellation import Cancellation
from taskiq_core.messages.labels import attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.state import TaskiqState


class Context:
    """Given to tasks and dependencies that ask for it: `context: Context = TaskiqDepends()`.

    Attributes:
        message: the message that is being run, labels parsed.
        broker: the broker that it came from.
        state: the broker's state.
        cancellation: tells a plain function that it is to end, and a cancelled coroutine why.
    """

    def __init__(
        self,
        message: TaskiqMessage,
        broker: AbstractBroker,
        ack_controller: AckController | None = None,
        *,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.message = message
        self.broker = broker
        self.state: TaskiqState = broker.state
        self.cancellation = cancellation or Cancellation()
        self._acks = ack_controller

    @property
    def attempt(self) -> int:
        """Which delivery of the message this is, from 1."""
        return attempt_of(self.message.labels)

    @property
    def is_ackable(self) -> bool:
        """Whether the message can be acknowledged."""
        return self._acks is not None and self._acks.is_ackable

    @property
    def is_acked(self) -> bool:
        """Whether it has been."""
        return self._acks is not None and self._acks.is_acked

    async def ack(self) -> None:
        """Acknowledge the message now, whatever the acknowledgement type says.

        Raises:
            RuntimeError: the message can't be acknowledged, see `is_ackable`.
        """
        if self._acks is None:
            raise RuntimeError(NOT_ACKABLE)
        await self._acks.ack()

    async def requeue(self) -> NoReturn:
        """Give the message back, to be delivered again at once; ends the task, stores no result.

        How often that happened is in the label `X-Taskiq-requeue`.
        """
        raise TaskRetryError(delay=0.0)

    def reject(self) -> NoReturn:
        """Give the message up: an error result is stored, the message is buried; ends the task."""
        raise TaskRejectedError
