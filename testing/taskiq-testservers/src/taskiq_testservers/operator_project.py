"""A project whose broker has every capability that operators use, filled through its contract."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import taskiq_testservers.store_broker as store_module
from taskiq_core.broker import AsyncBroker
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import DeliveryEnd, DeliveryRecord, MinuteCounters
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.plugins.urls import broker_from_url
from taskiq_core.worker_report import WorkerState
from taskiq_testservers.cli_project import Project
from taskiq_testservers.store_broker import StoreBroker

_T = TypeVar("_T")


class OperatorProject(Project):
    """A project without an application, and a broker that only its URL names.

    Args:
        folder: of the project.
        url: of the broker, `{folder}` in it is the folder's absolute path.
    """

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.url = url.format(folder=folder)
        self.install("taskiq-store", store_module.ENTRY_POINTS, {})
        shutil.copy(str(store_module.__file__), self.site / "store_broker.py")
        self.env["TASKIQ_BROKER_URL"] = self.url
        self.ask(_nothing)

    def broker(self) -> AsyncBroker:
        if self.url.startswith("store:"):
            return StoreBroker.from_url(self.url)
        return broker_from_url(self.url)

    def ask(self, ask: Callable[[AsyncBroker], Awaitable[_T]]) -> _T:
        """What a function returns that is called with the started broker."""

        async def connected() -> _T:
            async with self.broker() as broker:
                return await ask(broker)

        return asyncio.run(connected())

    def kick(self, task: str, *args: Any, task_id: str, **labels: Any) -> str:
        """Send a task and return its id."""

        async def send(broker: AsyncBroker) -> str:
            kicker = AsyncKicker[Any, Any](task, broker, labels).with_task_id(task_id)
            return (await kicker.kiq(*args)).task_id

        return self.ask(send)

    def take(
        self,
        settle: Callable[[Delivery], Awaitable[None]] | None = None,
        *,
        worker: str = "w1",
        queue: str | None = None,
    ) -> None:
        """Have a worker fetch one message, and settle or keep it.

        Args:
            settle: ends the delivery; None to keep it.
            worker: its id.
            queue: where it fetches; None for the default queue.
        """

        async def fetch(broker: AsyncBroker) -> None:
            stream = broker.deliveries(Slots(1))
            delivery = await anext(stream)
            if settle is not None:
                await settle(delivery)
            await stream.aclose()

        async def connected() -> None:
            broker = self.broker()
            broker.worker_id = worker
            broker.is_worker_process = True
            broker.queues = None if queue is None else QueueSelection({queue: 1})
            async with broker:
                await fetch(broker)

        asyncio.run(connected())

    def announce(self, *records: WorkerRecord) -> None:
        """Have workers say that they run."""

        async def tell(broker: AsyncBroker) -> None:
            for record in records:
                await broker.announce(record, ttl=600)

        self.ask(tell)

    def remember(
        self, *deliveries: DeliveryRecord, counters: Sequence[MinuteCounters] = ()
    ) -> None:
        """Have a worker keep history."""
        self.ask(lambda broker: broker.add_history(deliveries, counters))

    def bury(self, task: str, *, task_id: str, reason: str, error: str | None = None) -> None:
        """Send a task, and have a worker bury it.

        Args:
            task: its name.
            task_id: its id.
            reason: why.
            error: its last exception.
        """
        self.kick(task, task_id=task_id)
        self.take(lambda delivery: delivery.bury(reason, error))


async def _nothing(_broker: AsyncBroker) -> None:
    """Start the broker, so that the store exists."""


def make_record(worker_id: str, **fields: Any) -> WorkerRecord:
    """A worker that has just said that it runs."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "host": "server-1",
        "pid": 4102,
        "state": WorkerState.RUNNING,
        "started_at": now - timedelta(hours=3),
        "seen_at": now,
        "slots_total": 100,
        "loop_lag": 0.002,
        "memory": 48 * 1024 * 1024,
        **fields,
    }
    return WorkerRecord(worker_id=worker_id, **values)


def make_past(task_id: str, end: DeliveryEnd, **fields: Any) -> DeliveryRecord:
    """A delivery that ended a minute ago, after a second."""
    ended_at = datetime.now(UTC) - timedelta(minutes=1)
    values: dict[str, Any] = {
        "task_name": "mail",
        "worker_id": "server-1-4102",
        "started_at": ended_at - timedelta(seconds=1),
        "ended_at": ended_at,
        **fields,
    }
    return DeliveryRecord(task_id=task_id, end=end, **values)
