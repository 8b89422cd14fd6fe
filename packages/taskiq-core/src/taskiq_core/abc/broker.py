"""The contract of brokers: what carries messages from clients to workers."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Self

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.acks import AckableMessage
from taskiq_core.capabilities import Capability
from taskiq_core.delivery import Delivery, as_delivery
from taskiq_core.exceptions import CapabilityError
from taskiq_core.message import BrokerMessage, TaskiqMessage
from taskiq_core.slots import Slots
from taskiq_core.state import TaskiqState


class AbstractBroker(ABC):
    """What middlewares, tasks and the worker may rely on; `AsyncBroker` is what plugins inherit.

    A broker is two methods, `kick` and `listen`. Everything else has a default that works, or that
    says which capability is missing. An implementation must keep:

    - `kick` returns when the message is stored; if it raises or is cancelled, it may or may not be.
    - A message that `listen` or `deliveries` yielded is delivered again if it is not settled.
    - No method loses a message when it is cancelled.

    Attributes:
        capabilities: what the broker can do; None for a broker that does not say, as those written
            for taskiq 0.13 don't. Nothing is refused on behalf of one that does not say.
    """

    capabilities: frozenset[Capability] | None = None

    result_backend: AsyncResultBackend[Any]
    serializer: TaskiqSerializer
    formatter: TaskiqFormatter
    id_generator: Callable[[], str]
    state: TaskiqState
    custom_dependency_context: dict[Any, Any]
    dependency_overrides: dict[Any, Any]
    is_worker_process: bool
    is_scheduler_process: bool

    @abstractmethod
    async def kick(self, message: BrokerMessage) -> None:
        """Store one message, to be delivered to a worker."""

    @abstractmethod
    def listen(self) -> AsyncGenerator[bytes | AckableMessage | Delivery, None]:
        """Yield messages as they come: bytes, `AckableMessage` or `Delivery`."""

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store several messages; brokers with the capability `batch` do so in one operation."""
        for message in messages:
            await self.kick(message)

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; what a worker listens to.

        Args:
            slots: the room that the worker has. The next delivery is asked for only when one is
                free, so that a broker which fetches one by one may ignore it.
        """
        async with aclosing(self.listen()) as messages:
            async for message in messages:
                yield as_delivery(message)

    async def reclaim(self) -> int:
        """Take back deliveries whose lease ran out; how many there were."""
        return 0

    async def stats(self) -> Mapping[str, int]:
        """How many messages wait, are delivered, are delayed and dead."""
        raise self._lacks("count its messages", "stats")

    async def purge(self) -> int:
        """Drop all waiting messages; how many there were."""
        raise self._lacks("purge its queue", "purge")

    async def abort(self, task_id: str) -> None:
        """Ask for a task to be aborted, wherever it is."""
        raise self._lacks("abort tasks", Capability.ABORT)

    @abstractmethod
    async def send(self, message: TaskiqMessage) -> None:
        """Send a message through the middlewares, the formatter and `kick`."""

    @abstractmethod
    def find_task(self, task_name: str) -> RegisteredTask | None:
        """The task of that name, if this process has it."""

    @abstractmethod
    def adopt_task(self, task: RegisteredTask) -> None:
        """Know a task that was declared on another broker."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for the server that a URL names; raises CapabilityError where that can't be."""
        raise CapabilityError(
            broker=cls.__name__, action="be made from a URL", capability="from_url"
        )

    def _lacks(self, action: str, capability: str) -> CapabilityError:
        return CapabilityError(broker=type(self).__name__, action=action, capability=capability)
