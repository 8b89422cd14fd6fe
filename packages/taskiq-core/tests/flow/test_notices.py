"""A delivery without a lease can be lost with its connection; its task is stopped then."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from taskiq_core import AcknowledgeType, Context, Delivery, TaskiqDepends
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.receiver import Receiver


class Losses:
    """The `lost` of a broker, to be fed; fails as often as it is configured to."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self.failures: list[Exception] = []

    async def yield_lost(self) -> AsyncGenerator[Delivery, None]:
        if self.failures:
            raise self.failures.pop()
        while True:
            yield await self.queue.get()


@pytest.fixture
def losses(store: Any, monkeypatch: pytest.MonkeyPatch) -> Losses:
    losses = Losses()
    monkeypatch.setattr(type(store), "lost", lambda _broker: losses.yield_lost(), raising=False)
    return losses


async def test_task_of_a_lost_delivery_is_stopped_and_settles_nothing(
    keeping: Any, work: Any, losses: Losses
) -> None:
    begun, reasons = asyncio.Event(), []

    async def hang(context: Context = TaskiqDepends()) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            reasons.append(context.cancellation.reason)

    await keeping.register_task(hang, "shop").kiq()
    async with work.running():
        await begun.wait()
        losses.queue.put_nowait(keeping.made[0])
        await work.until(lambda: reasons)

    [reason] = reasons
    assert isinstance(reason, LeaseLostError)
    assert "the message was given to another worker" in str(reason)
    assert keeping.made[0].settled == []
    assert [record.end for record in keeping.past] == ["lost"]


async def test_delivery_that_is_lost_while_it_waits_for_a_slot_is_not_run(
    keeping: Any, work: Any, losses: Losses
) -> None:
    go_on, ran = asyncio.Event(), []

    async def run(name: str) -> None:
        ran.append(name)
        if name == "first":
            await go_on.wait()

    task = keeping.register_task(run, "shop")
    await task.kiq("first")
    await task.kiq("second")
    async with work.running(max_async_tasks=1, max_prefetch=1) as receiver:
        await work.until(lambda: receiver.pool.waiting)
        losses.queue.put_nowait(keeping.made[1])
        await work.until(lambda: receiver._leases.is_lost(keeping.made[1]))
        go_on.set()

    assert ran == ["first"]
    assert [delivery.settled for delivery in keeping.made] == [["ack"], []]


async def test_loss_after_the_acknowledgement_changes_nothing(
    store: Any, work: Any, losses: Losses
) -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), []

    async def hang() -> None:
        begun.set()
        await go_on.wait()
        ended.append(True)

    await store.register_task(hang, "shop").kiq()
    async with work.running(ack_type=AcknowledgeType.WHEN_RECEIVED):
        await begun.wait()
        losses.queue.put_nowait(store.made[0])
        await work.until(losses.queue.empty)
        go_on.set()

    assert ended == [True]


async def test_losses_of_deliveries_that_ended_are_forgotten(
    store: Any, work: Any, losses: Losses
) -> None:
    await store.register_task(lambda: None, "shop").kiq()
    async with work.running() as receiver:
        await work.until(lambda: receiver.tasks_done)
        losses.queue.put_nowait(store.made[0])
        await work.until(losses.queue.empty)

    assert not receiver._leases.is_lost(store.made[0])


async def test_losses_are_listened_to_again_after_a_failure(
    store: Any, work: Any, losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    losses.failures = [ConnectionError("away")]
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await store.register_task(hang, "shop").kiq()
    async with work.running():
        await begun.wait()
        losses.queue.put_nowait(store.made[0])
        await stopped.wait()

    assert (
        "Lost deliveries can't be listened for (away); it is tried again until it works"
        in caplog.text
    )


def test_broker_is_given_the_limit_of_deliveries_before_its_start(
    store: Any, ack_only: Any
) -> None:
    Receiver(store, max_deliveries=9)
    Receiver(ack_only, max_deliveries=9)

    assert store.max_deliveries == 9
    assert ack_only.max_deliveries is None  # it was not written for this attribute
