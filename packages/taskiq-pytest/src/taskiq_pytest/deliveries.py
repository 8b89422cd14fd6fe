"""TestDelivery: a message of a test in the hands of the receiver."""

from collections.abc import Callable
from typing import TypeAlias

from taskiq_core.messages.delivery import Delivery
from taskiq_pytest.sent_task import SentTask

Release: TypeAlias = "Callable[[TestDelivery, float], None]"


class TestDelivery(Delivery):
    """One delivery of one message of a test.

    Args:
        task: the message.
        release: makes the message pending again, in so many seconds.
        before: the delivery before this one; None for the first.

    Attributes:
        task: the message.
        is_settled: whether it was settled.
    """

    __test__ = False  # not a class of tests, as pytest would think
    __slots__ = ("_release", "is_settled", "task")

    def __init__(
        self, task: SentTask, release: Release, *, before: "TestDelivery | None" = None
    ) -> None:
        super().__init__(
            task.message.message,
            attempt=1 if before is None else before.attempt + 1,
            unsettled=0,
            failures=0 if before is None else before.failures,
            aborted=before is not None and before.aborted,
            task_id=task.task_id,
        )
        self.task = task
        self.is_settled = False
        self._release = release

    async def ack(self) -> None:
        """Forget the message; its record stays."""
        self.is_settled = True

    async def release(self, delay: float = 0) -> None:
        """Make the message pending again."""
        self.is_settled = True
        self._release(self, delay)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Note in the record of the message why it is a dead letter."""
        self.is_settled = True
        self.task.buried = reason
