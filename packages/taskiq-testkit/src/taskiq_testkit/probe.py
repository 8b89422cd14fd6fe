"""The task that the kit sends, and the hands that a test has on one delivery of it."""

from abc import ABC, abstractmethod
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage

PROBE: Final = "taskiq_testkit:probe"  # not an import
"""The name of the task."""


class ProbeDelivery(ABC):
    """One delivery of the probe in the hands of a test, which decides what becomes of it.

    Attributes:
        message: what was delivered.
        attempt: 1 on the first delivery.
    """

    def __init__(self, message: TaskiqMessage, attempt: int) -> None:
        self.message = message
        self.attempt = attempt

    @property
    def task_id(self) -> str:
        """Of the message."""
        return self.message.task_id

    @property
    def text(self) -> str:
        """What the test sent."""
        return str(self.message.args[0])

    @abstractmethod
    async def ack(self) -> None:
        """Have it acknowledged."""

    @abstractmethod
    async def release(self, delay: float = 0) -> None:
        """Have it given back."""

    @abstractmethod
    async def bury(self, reason: str, error: str | None = None) -> None:
        """Have it moved to the dead letters."""


class Worker(ABC):
    """Takes deliveries for a test, one by one."""

    @abstractmethod
    async def next(self) -> ProbeDelivery:
        """The next delivery; fails if there is none in time."""

    @abstractmethod
    async def close(self) -> None:
        """Take no more. Deliveries that are held stay unsettled."""

    async def take(self, count: int) -> list[ProbeDelivery]:
        """So many deliveries."""
        return [await self.next() for _ in range(count)]


def kicker(
    broker: AsyncBroker, task_id: str | None, labels: dict[str, Any]
) -> AsyncKicker[..., Any]:
    """Make a kicker that sends the probe, as a program would send a task.

    Args:
        broker: sends.
        task_id: None for a generated one.
        labels: of the message.
    """
    return AsyncKicker[..., Any](PROBE, broker, labels).with_task_id(task_id)


def formatted(broker: AsyncBroker, text: str, task_id: str) -> BrokerMessage:
    """Format a message of the probe as brokers carry it.

    Args:
        broker: has the formatter.
        text: the argument of the probe.
        task_id: of the message.
    """
    message = TaskiqMessage(task_id=task_id, task_name=PROBE, labels={}, args=[text], kwargs={})
    return broker.formatter.dumps(message)
