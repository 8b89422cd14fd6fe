"""Messages that were lost twice with their workers are run alone."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from taskiq_core.brokers.delivery_pool import DeliveryPool
from taskiq_core.flow import suspects as module
from taskiq_core.flow.suspects import SuspectLane
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.outcomes import RELEASE, Outcome, Release

Make = Callable[..., Any]


class Work:
    """Handles deliveries, each until it may end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.running: list[bytes] = []
        self.most = 0
        self.given_back: list[tuple[bytes, Outcome]] = []

    async def handle(self, delivery: Delivery) -> None:
        self.running.append(delivery.data)
        self.most = max(self.most, len(self.running))
        await self.may_end.wait()
        self.running.remove(delivery.data)

    async def give_back(self, delivery: Delivery, outcome: Outcome) -> None:
        self.given_back.append((delivery.data, outcome))


def suspect(data: bytes = b"suspect", *, attempt: int = 3, unsettled: int = 2) -> Delivery:
    return _Delivery(data, attempt=attempt, unsettled=unsettled)


class _Delivery(Delivery):
    async def ack(self) -> None: ...


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def pool(work: Work) -> DeliveryPool[Delivery]:
    return DeliveryPool(work.handle, limit=1, prefetch=1)


@pytest.fixture
def lane(work: Work, pool: DeliveryPool[Delivery]) -> SuspectLane:
    return SuspectLane(pool, give_back=work.give_back, max_deliveries=5)


@pytest.mark.parametrize(
    ("unsettled", "max_deliveries", "is_suspect"),
    [(0, 5, False), (1, 5, False), (2, 5, True), (4, 5, True), (5, 5, False), (1, 2, True)],
)
def test_suspect_was_lost_twice_and_can_be_run(
    pool: DeliveryPool[Delivery], work: Work, unsettled: int, max_deliveries: int, is_suspect: bool
) -> None:
    lane = SuspectLane(pool, give_back=work.give_back, max_deliveries=max_deliveries)

    assert lane.is_suspect(suspect(attempt=9, unsettled=unsettled)) is is_suspect


async def test_suspect_starts_when_what_runs_has_ended_and_what_waits_is_given_back(
    work: Work, pool: DeliveryPool[Delivery], lane: SuspectLane
) -> None:
    pool.submit(_Delivery(b"running"))
    pool.submit(_Delivery(b"waiting"))
    await asyncio.sleep(0)

    lane.hold(suspect())
    running = asyncio.create_task(lane.run_held())
    await asyncio.sleep(0.01)

    assert work.running == [b"running"]
    assert work.given_back == [(b"waiting", RELEASE)]
    work.may_end.set()
    await running
    assert work.most == 1
    assert lane.withdraw() == []


async def test_suspect_is_put_off_for_longer_each_time_if_other_tasks_do_not_end(
    work: Work, pool: DeliveryPool[Delivery], lane: SuspectLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PATIENCE", 0.01)
    pool.submit(_Delivery(b"running"))

    for attempt in (3, 4, 5):
        lane.hold(suspect(attempt=attempt))
        await lane.run_held()

    outcomes = [outcome for _, outcome in work.given_back]
    assert outcomes == [Release(0.01), Release(0.02), Release(0.04)]
    assert work.running == [b"running"]
    work.may_end.set()
    await pool.wait_idle()


async def test_suspect_of_a_worker_that_leaves_can_be_taken_back(
    work: Work, pool: DeliveryPool[Delivery], lane: SuspectLane
) -> None:
    delivery = suspect()
    pool.submit(_Delivery(b"running"))
    lane.hold(delivery)
    running = asyncio.create_task(lane.run_held())
    await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert lane.withdraw() == [delivery]
    work.may_end.set()
    await pool.wait_idle()
