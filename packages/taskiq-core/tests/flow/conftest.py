"""A broker whose store can be looked into: it keeps records of workers, and a history."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from taskiq_core import AsyncBroker, BrokerMessage, Capability, Delivery
from taskiq_core.messages.history import DeliveryRecord, HistoryOptions, MinuteCounters
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.receiver import Receiver


class SettledDelivery(Delivery):
    """A delivery that writes down how it was settled."""

    def __init__(self, data: bytes, **options: Any) -> None:
        super().__init__(data, **options)
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def release(self, delay: float = 0) -> None:
        self.settled.append("release")

    async def bury(self, reason: str, error: str | None = None) -> None:
        self.settled.append("bury")


class StoreBroker(AsyncBroker):
    """Delivers what was sent, and keeps for a test what workers write."""

    capabilities = frozenset(
        {
            Capability.ACK,
            Capability.RELEASE,
            Capability.DEAD_LETTER,
            Capability.PRESENCE,
            Capability.HISTORY,
            Capability.LEASE,
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[BrokerMessage] = asyncio.Queue()
        self.made: list[SettledDelivery] = []
        self.options: dict[str, Any] = {}
        self.records: dict[str, WorkerRecord] = {}
        self.announced = asyncio.Event()
        self.withdrawn: list[str] = []
        self.reclaimed: list[str | None] = []
        self.past: list[DeliveryRecord] = []
        self.counters: list[MinuteCounters] = []
        self.failures: list[Exception] = []

    async def kick(self, message: BrokerMessage) -> None:
        self.queue.put_nowait(message)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        while True:
            message = await self.queue.get()
            self.made.append(SettledDelivery(message.message, **self.options))
            yield self.made[-1]

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        if self.failures:
            raise self.failures.pop()
        self.records[record.worker_id] = record
        self.announced.set()

    async def withdraw(self, worker_id: str) -> None:
        self.withdrawn.append(worker_id)
        self.records.pop(worker_id, None)

    async def workers(self) -> Sequence[WorkerRecord]:
        return list(self.records.values())

    async def reclaim(self, *, owner: str | None = None) -> int:
        self.reclaimed.append(owner)
        return 1

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        if self.failures:
            raise self.failures.pop()
        self.past += deliveries
        self.counters += counters


class Work:
    """Runs a worker until what is asked for has happened."""

    def __init__(self, broker: StoreBroker) -> None:
        self.broker = broker

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncGenerator[Receiver, None]:
        receiver, finish = Receiver(self.broker, **options), asyncio.Event()
        listening = asyncio.create_task(receiver.listen(finish))
        try:
            yield receiver
        finally:
            finish.set()
            await listening

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Wait for something that has no event."""
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110  # turns of the loop
                await asyncio.sleep(0)

    async def through(self, count: int = 1, **options: Any) -> Receiver:
        """Run a worker for so many deliveries, until it has ended."""
        receiver = Receiver(self.broker, max_tasks_to_execute=count, **options)
        await receiver.listen(asyncio.Event())
        return receiver


@pytest.fixture
def store() -> StoreBroker:
    broker = StoreBroker()
    broker.worker_id = "web-1-4102-0"
    return broker


@pytest.fixture
def keeping(store: StoreBroker) -> StoreBroker:
    """A store that keeps history."""
    store.history = HistoryOptions()
    return store


@pytest.fixture
def work(store: StoreBroker) -> Work:
    return Work(store)
