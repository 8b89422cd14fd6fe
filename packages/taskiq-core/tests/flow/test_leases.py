"""Leases are renewed by one timer; a lost one stops its task and stores nothing."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from taskiq_core import (
    AsyncBroker,
    BrokerMessage,
    Capability,
    Context,
    Delivery,
    TaskiqDepends,
    TaskiqMiddleware,
)
from taskiq_core.exceptions import LeaseLostError, ResultGetError
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.outcomes import ACK, LEAVE
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.receiver import Receiver


class LeasedDelivery(Delivery):
    def __init__(self, data: bytes, *, lease: float = 0.3, fence: int = 1) -> None:
        super().__init__(data, lease=lease, fence=fence)
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def release(self, delay: float = 0) -> None:
        self.settled.append("release")

    async def bury(self, reason: str, error: str | None = None) -> None:
        self.settled.append("bury")


class LeasingBroker(AsyncBroker):
    """Delivers one message, and says which leases are lost."""

    capabilities = frozenset({Capability.ACK, Capability.RELEASE, Capability.LEASE})

    def __init__(self, lease: float = 0.3) -> None:
        super().__init__()
        self.lease = lease
        self.made: list[LeasedDelivery] = []
        self.queue: asyncio.Queue[BrokerMessage] = asyncio.Queue()
        self.lost: set[Delivery] = set()
        self.renewals: list[list[Delivery]] = []
        self.renewed = asyncio.Event()
        self.failures: list[Exception] = []
        self.reclaims = 0

    async def kick(self, message: BrokerMessage) -> None:
        self.queue.put_nowait(message)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        while True:
            message = await self.queue.get()
            self.made.append(LeasedDelivery(message.message, lease=self.lease))
            yield self.made[-1]

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        self.renewed.set()
        if self.failures:
            raise self.failures.pop()
        self.renewals.append(list(deliveries))
        return [delivery for delivery in deliveries if delivery in self.lost]

    async def reclaim(self) -> int:
        self.reclaims += 1
        return 0


class Results:
    """What was stored, by task id."""

    def __init__(self) -> None:
        self.stored: dict[str, TaskiqResult[Any]] = {}
        self.is_stored = asyncio.Event()

    async def startup(self) -> None: ...
    async def shutdown(self) -> None: ...

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        self.stored[task_id] = result
        self.is_stored.set()

    async def is_result_ready(self, task_id: str) -> bool:
        return task_id in self.stored

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        raise ResultGetError


@pytest.fixture
def broker() -> LeasingBroker:
    broker = LeasingBroker()
    broker.result_backend = Results()  # type: ignore[assignment]
    return broker


def stored(broker: AsyncBroker) -> dict[str, TaskiqResult[Any]]:
    assert isinstance(broker.result_backend, Results)
    return broker.result_backend.stored


async def test_long_task_keeps_its_short_lease_until_it_is_settled(broker: LeasingBroker) -> None:
    go_on = asyncio.Event()
    broker.task("wait")(go_on.wait)
    receiver, finish = Receiver(broker), asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))

    task = await broker.find_task("wait").kiq()  # type: ignore[union-attr]
    while len(broker.renewals) < 4:  # longer than the lease
        broker.renewed.clear()
        await broker.renewed.wait()
    go_on.set()
    await broker.result_backend.is_stored.wait()  # type: ignore[attr-defined]
    finish.set()
    await listening

    assert broker.made[0].settled == ["ack"]
    assert stored(broker)[task.task_id].labels[FENCE] == 1


async def test_store_out_of_reach_is_asked_again(broker: LeasingBroker) -> None:
    broker.failures = [ConnectionError("down")]
    keeper = LeaseKeeper(broker, on_lost=lambda delivery: None)
    keeper.hold(LeasedDelivery(b"", lease=0.03))

    running = asyncio.create_task(keeper.run())
    while not broker.renewals:
        broker.renewed.clear()
        await broker.renewed.wait()
    running.cancel()

    assert broker.failures == []


async def test_lost_lease_stops_the_task_and_neither_stores_nor_settles(
    broker: LeasingBroker,
) -> None:
    reasons: list[Any] = []
    ended = asyncio.Event()

    @broker.task("hang")
    async def hang(context: Context = TaskiqDepends()) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reasons.append(context.cancellation.reason)
            raise

    outcomes: list[Any] = []

    class Watch(TaskiqMiddleware):
        def post_settle(self, message: Any, outcome: Any) -> None:
            outcomes.append(outcome)
            ended.set()

        def on_error(self, message: Any, result: Any, exception: BaseException) -> None:
            outcomes.append(exception)

    broker.add_middlewares(Watch())
    receiver, finish = Receiver(broker), asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    await hang.kiq()
    await broker.renewed.wait()

    broker.lost.update(broker.made)
    await ended.wait()
    finish.set()
    await listening

    assert isinstance(reasons[0], LeaseLostError)
    assert outcomes == [LEAVE]
    assert broker.made[0].settled == []
    assert stored(broker) == {}


async def test_a_lease_that_was_lost_while_its_task_waited_for_a_slot(
    broker: LeasingBroker,
) -> None:
    """The message is another worker's by then: this one does not even begin."""
    begun: list[int] = []
    may_end, ended = asyncio.Event(), asyncio.Event()
    outcomes: list[Any] = []

    @broker.task("work")
    async def work(number: int) -> None:
        begun.append(number)
        await may_end.wait()

    class Watch(TaskiqMiddleware):
        def post_settle(self, message: Any, outcome: Any) -> None:
            outcomes.append(outcome)
            if len(outcomes) == 2:
                ended.set()

    broker.add_middlewares(Watch())
    receiver = Receiver(broker, max_async_tasks=1, max_prefetch=1)
    finish = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    for number in (1, 2):
        await work.kiq(number)
    while len(broker.made) < 2:
        broker.renewed.clear()
        await broker.renewed.wait()

    broker.lost.add(broker.made[1])
    before = len(broker.renewals)
    while not any(broker.made[1] in renewed for renewed in broker.renewals[before:]):
        broker.renewed.clear()
        await broker.renewed.wait()
    may_end.set()
    await ended.wait()
    finish.set()
    await listening

    assert begun == [1]
    assert outcomes == [ACK, LEAVE]
    assert broker.made[1].settled == []


async def test_worker_that_slept_through_its_lease_asks_before_it_stores(
    broker: LeasingBroker,
) -> None:
    """No renewal was due while the process stood still: the store decides."""
    delivery = LeasedDelivery(b"", lease=0.0)
    keeper = LeaseKeeper(broker, on_lost=lambda delivery: None)
    keeper.hold(delivery)

    assert await keeper.confirm(delivery)
    broker.lost.add(delivery)
    assert not await keeper.confirm(delivery)
    assert not await keeper.confirm(delivery), "it does not come back"


async def test_valid_lease_is_confirmed_without_asking(broker: LeasingBroker) -> None:
    delivery = LeasedDelivery(b"", lease=60.0)
    keeper = LeaseKeeper(broker, on_lost=lambda delivery: None)
    keeper.hold(delivery)

    assert await keeper.confirm(delivery)
    assert broker.renewals == []


async def test_acknowledged_delivery_needs_no_lease(broker: LeasingBroker) -> None:
    broker.lease = 60.0
    finish = asyncio.Event()

    @broker.task("early", ack_type="when_received")
    async def early() -> int:
        return 1

    receiver = Receiver(broker)
    listening = asyncio.create_task(receiver.listen(finish))
    task = await early.kiq()
    await broker.result_backend.is_stored.wait()  # type: ignore[attr-defined]
    finish.set()
    await listening

    assert broker.made[0].settled == ["ack"]
    assert stored(broker)[task.task_id].return_value == 1
    assert broker.renewals == []


async def test_worker_reclaims_on_an_idle_queue(broker: LeasingBroker) -> None:
    broker.reclaim_interval = 0.01
    reclaimed = asyncio.Event()

    async def reclaim() -> int:
        broker.reclaims += 1
        if broker.reclaims == 1:
            raise ConnectionError("down")
        reclaimed.set()
        return 1

    broker.reclaim = reclaim  # type: ignore[method-assign]
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker).listen(finish))

    await reclaimed.wait()
    finish.set()
    await listening

    assert broker.reclaims >= 2
