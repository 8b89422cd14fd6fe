"""Claims of the broker, for sources that keep none: each tick is sent by one scheduler."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_core.abc.tick_claims import TickClaims
from taskiq_core.brokers.memory_claims import MemoryTickClaims
from taskiq_core.capabilities import Capability
from taskiq_core.messages.message import TaskiqMessage
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, SchedulerLoop, TaskiqScheduler
from taskiq_testkit.clock import VirtualClock

START = datetime(2026, 1, 1, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Store:
    """What all brokers of a test share: the claims, and what was sent."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.claims = MemoryTickClaims(clock=self.clock.monotonic)
        self.sent: list[tuple[str, datetime]] = []

    def loop(self, *, schedule: list[dict[str, Any]], fails: bool = False) -> SchedulerLoop:
        """Make the scheduler of one process."""
        broker = Broker(self, fails=fails)
        broker.task("t", schedule=schedule)(lambda: None)
        scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
        return SchedulerLoop(scheduler, clock=self.clock)

    def serve(self, *loops: SchedulerLoop, length: timedelta = timedelta(seconds=30)) -> None:
        """Let schedulers run for so long, side by side."""

        async def main() -> None:
            for loop in loops:
                await loop.scheduler.sources[0].startup()
            serving = [asyncio.create_task(each.run()) for each in loops]
            await asyncio.sleep(length.total_seconds())
            for each in serving:
                each.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

        self.clock.run(main())


class Broker(InMemoryBroker):
    """Writes down what is sent, and keeps claims where others see them."""

    capabilities = InMemoryBroker.capabilities | {Capability.CLAIMS}

    def __init__(self, store: Store, *, fails: bool) -> None:
        super().__init__()
        self.store = store
        self.fails = fails

    async def send(self, message: TaskiqMessage) -> None:
        if self.fails:
            await asyncio.Event().wait()
        self.store.sent.append((message.task_id, self.store.clock.now()))

    def tick_claims(self, *, lease: float = 60.0) -> TickClaims:
        return self.store.claims


@pytest.fixture
def store() -> Store:
    return Store()


def test_label_schedule_fires_once_from_any_number_of_schedulers(store: Store) -> None:
    schedule = [{"cron": "* * * * *"}, {"interval": 20}]

    store.serve(*(store.loop(schedule=schedule) for _ in range(3)), length=2 * MINUTE)

    ids = [task_id for task_id, _ in store.sent]
    assert len(ids) == len(set(ids))
    assert len(ids) == (1 + 2) + (1 + 6), "cron: the running minute and two more; interval"


def test_restart_in_the_same_minute_does_not_fire_again(store: Store) -> None:
    schedule = [{"cron": "* * * * *"}, {"interval": 3600}]

    store.serve(store.loop(schedule=schedule), length=timedelta(seconds=10))
    assert len(store.sent) == 2
    store.serve(store.loop(schedule=schedule), length=timedelta(seconds=10))

    assert len(store.sent) == 2


def test_tick_of_a_label_whose_scheduler_died_is_sent_by_another(store: Store) -> None:
    """The first one hangs in sending, and never confirms."""
    schedule = [{"time": START + timedelta(seconds=5)}]

    store.serve(store.loop(schedule=schedule, fails=True), length=timedelta(seconds=10))
    assert store.sent == []
    store.serve(store.loop(schedule=schedule), length=3 * MINUTE)

    assert len(store.sent) == 1


def test_label_that_is_due_at_other_moments_begins_anew(store: Store) -> None:
    """A deploy changes the schedule: ticks of before it are not made up for."""
    store.serve(store.loop(schedule=[{"interval": 60, "missed": "all"}]))
    store.clock.run(asyncio.sleep(600))
    store.sent.clear()

    store.serve(store.loop(schedule=[{"interval": 120, "missed": "all"}]), length=MINUTE / 2)

    assert len(store.sent) == 1, "the running tick"


def test_scheduler_whose_ticks_can_be_claimed_warns_of_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.serve(store.loop(schedule=[{"interval": 60}]))

    assert "Only one scheduler" not in caplog.text
