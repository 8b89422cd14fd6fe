"""An abort reaches its task, however its notice and its delivery come to the worker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from taskiq_core import AsyncBroker, BrokerMessage, Capability, Delivery
from taskiq_core.exceptions import ResultGetError, TaskAbortedError
from taskiq_core.flow import heard_aborts
from taskiq_core.flow.heard_aborts import HeardAborts
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.receiver import Receiver

TASK_ID = "the task"


class AckedDelivery(Delivery):
    async def ack(self) -> None: ...

    async def release(self, delay: float = 0) -> None: ...


class AbortingBroker(AsyncBroker):
    """Says what the test wants said, when it wants it."""

    capabilities = frozenset(
        {Capability.ACK, Capability.RELEASE, Capability.LEASE, Capability.ABORT_RUNNING}
    )

    def __init__(self, lease: float | None = 1_000.0) -> None:
        super().__init__()
        self.lease = lease
        self.queue: asyncio.Queue[BrokerMessage] = asyncio.Queue()
        self.notices: asyncio.Queue[str] = asyncio.Queue()
        self.marked: set[str] = set()
        self.failures: list[Exception] = []

    async def kick(self, message: BrokerMessage) -> None:
        self.queue.put_nowait(message)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        while True:
            message = await self.queue.get()
            yield AckedDelivery(message.message, lease=self.lease, fence=1)

    async def aborts(self) -> AsyncGenerator[str, None]:
        while True:
            yield await self.notices.get()
            self.notices.task_done()

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        if self.failures:
            raise self.failures.pop()
        for delivery in deliveries:
            if self.formatter.loads(delivery.data).task_id in self.marked:
                delivery.aborted = True
        return []


class Results:
    """Results in the order in which they are stored."""

    def __init__(self) -> None:
        self.stored: asyncio.Queue[TaskiqResult[Any]] = asyncio.Queue()

    async def startup(self) -> None: ...
    async def shutdown(self) -> None: ...

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.stored.put_nowait(result)

    async def is_result_ready(self, task_id: str) -> bool:
        return False

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        raise ResultGetError


@asynccontextmanager
async def listening(broker: AbortingBroker) -> AsyncIterator[Results]:
    """A worker of this broker, and the results that it stores."""
    results = broker.result_backend = Results()  # type: ignore[assignment]
    finish = asyncio.Event()
    worker = asyncio.create_task(Receiver(broker).listen(finish))
    try:
        yield results  # type: ignore[misc]
    finally:
        finish.set()
        await worker


async def hear(broker: AbortingBroker, task_id: str) -> None:
    """Have the worker hear of an abort; returns when it has, and listens again."""
    broker.notices.put_nowait(task_id)
    await broker.notices.join()


async def answer() -> int:
    return 42


async def send(broker: AbortingBroker) -> None:
    await broker.find_task("answer").kicker().with_task_id(TASK_ID).kiq()  # type: ignore[union-attr]


async def test_notice_that_overtakes_its_delivery_is_remembered() -> None:
    broker = AbortingBroker()
    broker.task("answer")(answer)
    broker.marked.add(TASK_ID)

    async with listening(broker) as results:
        await hear(broker, TASK_ID)
        await send(broker)

        assert isinstance((await results.stored.get()).error, TaskAbortedError)


async def test_notice_of_an_earlier_message_does_not_abort_a_later_one() -> None:
    """The store knows of no mark: what was aborted is gone, and this is another message."""
    broker = AbortingBroker()
    broker.task("answer")(answer)

    async with listening(broker) as results:
        await hear(broker, TASK_ID)
        await send(broker)

        assert (await results.stored.get()).return_value == 42


async def test_store_that_can_not_be_asked_holds_no_task_up() -> None:
    broker = AbortingBroker()
    broker.task("answer")(answer)
    broker.failures = [ConnectionError("down")]

    async with listening(broker) as results:
        await hear(broker, TASK_ID)
        await send(broker)

        assert (await results.stored.get()).return_value == 42


async def test_lost_notice_is_made_good_by_the_next_renewal() -> None:
    broker = AbortingBroker(lease=0.03)
    started = asyncio.Event()

    @broker.task("answer")
    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    async with listening(broker) as results:
        await send(broker)
        await started.wait()

        broker.marked.add(TASK_ID)

        assert isinstance((await results.stored.get()).error, TaskAbortedError)


async def test_without_leases_a_notice_aborts_the_one_delivery_that_it_overtook() -> None:
    broker = AbortingBroker(lease=None)
    broker.task("answer")(answer)

    async with listening(broker) as results:
        await hear(broker, TASK_ID)
        await send(broker)
        await send(broker)

        outcomes = [await results.stored.get() for _ in range(2)]
        assert [type(each.error) for each in outcomes] == [TaskAbortedError, type(None)]


def test_aborts_of_elsewhere_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(heard_aborts.time, "monotonic", lambda: now)
    monkeypatch.setattr(heard_aborts, "MOST", 3)
    heard = HeardAborts()

    for task_id in ("first", "second", "third", "first", "fourth"):
        heard.add(task_id)
        now += 1.0

    assert [each in heard for each in ("second", "third", "first", "fourth")] == [
        False,
        True,
        True,
        True,
    ]
    now += heard_aborts.MEMORY
    assert "fourth" not in heard
