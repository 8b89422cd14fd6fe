"""A broker and a result store that work, and keep a record of what was done to them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from taskiq_core import (
    AsyncBroker,
    AsyncResultBackend,
    BrokerMessage,
    Capability,
    Delivery,
    TaskiqResult,
)
from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.acks import AckableMessage


class RecordedDelivery(Delivery):
    """Writes down how it was settled; a settled one can't be settled again."""

    def __init__(self, data: bytes, *, attempt: int = 1, unsettled: int | None = 0) -> None:
        super().__init__(data, attempt=attempt, unsettled=unsettled)
        self.settled: list[tuple[str, Any]] = []
        self.is_settled = asyncio.Event()

    async def ack(self) -> None:
        self._settle("ack", None)

    async def release(self, delay: float = 0) -> None:
        self._settle("release", delay)

    async def bury(self, reason: str, error: str | None = None) -> None:
        self._settle("bury", reason)

    def _settle(self, how: str, what: Any) -> None:
        self.settled.append((how, what))
        self.is_settled.set()


class MemoryResults(AsyncResultBackend[Any]):
    """Results by task id; fails as often as it is configured to."""

    def __init__(self) -> None:
        self.stored: dict[str, TaskiqResult[Any]] = {}
        self.failures: list[Exception] = []

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.stored[task_id] = result

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.stored

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        try:
            return self.stored[task_id]
        except KeyError as error:
            raise ResultGetError from error


class QueueBroker(AsyncBroker):
    """Sent messages wait in a queue; `listen` yields what a maker makes of them."""

    capabilities = frozenset({Capability.ACK, Capability.RELEASE, Capability.DEAD_LETTER})

    def __init__(self) -> None:
        super().__init__(result_backend=MemoryResults())
        self.queue: asyncio.Queue[BrokerMessage] = asyncio.Queue()
        self.sent: list[BrokerMessage] = []
        self.yielded: list[Any] = []
        self.make: Callable[[bytes], Any] = RecordedDelivery

    @property
    def results(self) -> dict[str, TaskiqResult[Any]]:
        assert isinstance(self.result_backend, MemoryResults)
        return self.result_backend.stored

    async def kick(self, message: BrokerMessage) -> None:
        self.sent.append(message)
        self.queue.put_nowait(message)

    async def listen(self) -> AsyncGenerator[Any, None]:
        while True:
            message = await self.queue.get()
            self.yielded.append(self.make(message.message))
            yield self.yielded[-1]


class AckOnlyBroker(QueueBroker):
    """A broker as they were written for taskiq 0.13: it says nothing of what it can do."""

    capabilities = None

    def __init__(self) -> None:
        super().__init__()
        self.acked = 0
        self.make = lambda data: AckableMessage(data=data, ack=self._ack)

    def _ack(self) -> None:
        self.acked += 1


@pytest.fixture
def broker() -> QueueBroker:
    return QueueBroker()


@pytest.fixture
def ack_only() -> AckOnlyBroker:
    return AckOnlyBroker()


@pytest.fixture
def results(broker: QueueBroker) -> MemoryResults:
    assert isinstance(broker.result_backend, MemoryResults)
    return broker.result_backend


Run = Callable[..., Any]


@pytest.fixture
def delivered() -> Callable[..., RecordedDelivery]:
    """The delivery of the message that a broker was sent last."""

    def make(broker: QueueBroker, **options: Any) -> RecordedDelivery:
        return RecordedDelivery(broker.sent[-1].message, **options)

    return make
