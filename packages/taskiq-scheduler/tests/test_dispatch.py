"""What fails, hangs or dies on the way of a tick, on a virtual clock."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.scheduled_task import MissedTicks
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import InMemoryScheduleSource, SchedulerLoop, TaskiqScheduler
from taskiq_scheduler.tick_ids import tick_id
from taskiq_sqlite import SQLiteBroker
from taskiq_testkit.clock import VirtualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Fails = Callable[[int], Awaitable[None] | None]


def schedule(**values: Any) -> ScheduledTask:
    return ScheduledTask(
        task_name="t", labels={}, args=[], kwargs={}, **{"schedule_id": "s", **values}
    )


class Broker(InMemoryBroker):
    """Writes down what is sent and when; may fail before."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.tries = 0
        self.sent: list[tuple[str, datetime]] = []
        self.fails: Fails = lambda _: None
        self.task("t")(lambda: None)

    async def send(self, message: TaskiqMessage) -> None:
        self.tries += 1
        failing = self.fails(self.tries)
        if failing is not None:
            await failing
        self.sent.append((message.task_id, self.clock.now()))
        await super().send(message)

    @property
    def ids(self) -> list[str]:
        return [task_id for task_id, _ in self.sent]


class Stage:
    def __init__(self) -> None:
        self.clock = VirtualClock(NOW)
        self.broker = Broker(self.clock)
        self.source = InMemoryScheduleSource(clock=self.clock.monotonic)

    def serve(
        self,
        *schedules: ScheduledTask,
        sources: list[ScheduleSource] | None = None,
        length: timedelta = 10 * MINUTE,
        **options: Any,
    ) -> SchedulerLoop:
        """Let one scheduler run for so long."""
        scheduler = TaskiqScheduler(self.broker, sources or [self.source])
        loop = SchedulerLoop(scheduler, clock=self.clock)

        async def main() -> None:
            for each in schedules:
                await self.source.add_schedule(each)
            serving = asyncio.create_task(loop.run(**options))
            await asyncio.sleep(length.total_seconds())
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

        self.clock.run(main())
        return loop


@pytest.fixture
def stage() -> Stage:
    return Stage()


def ids_of(each: ScheduledTask, *ticks: datetime) -> list[str]:
    return [tick_id(each, tick) for tick in ticks]


def fail_until(moment: datetime, clock: VirtualClock) -> Fails:
    def fails(_: int) -> None:
        if clock.now() < moment:
            raise ConnectionError("broker is down")

    return fails


# -- trying again ----------------------------------------------------------------------------------


def test_send_that_hangs_is_tried_again_under_the_same_tick(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    each = schedule(time=NOW + MINUTE)
    stage.broker.fails = lambda tries: asyncio.Event().wait() if tries == 1 else None  # type: ignore[assignment,return-value]

    stage.serve(each, send_timeout=5)

    assert stage.broker.ids == ids_of(each, NOW + MINUTE)
    assert "task 't' was not sent within 5 s" in caplog.text
    [(_, sent_at)] = stage.broker.sent
    assert 5 <= (sent_at - NOW - MINUTE).total_seconds() <= 7


def test_moment_is_tried_until_it_is_sent(stage: Stage) -> None:
    each = schedule(time=NOW + MINUTE)
    stage.broker.fails = fail_until(NOW + 60 * MINUTE, stage.clock)

    stage.serve(each, length=70 * MINUTE)

    assert stage.broker.ids == ids_of(each, NOW + MINUTE)
    assert stage.broker.tries < 200, "with delays"


def test_later_tick_takes_the_place_of_one_that_cannot_be_sent(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    each = schedule(interval=60)
    stage.broker.fails = fail_until(NOW + 5.5 * MINUTE, stage.clock)

    stage.serve(each, length=6.5 * MINUTE)

    assert stage.broker.ids == ids_of(each, NOW + 5 * MINUTE, NOW + 6 * MINUTE)
    assert "t (schedule s): its tick 2026-01-01 00:01:00+00:00 is given up: a later" in caplog.text


def test_all_ticks_are_sent_in_order_where_all_matter(stage: Stage) -> None:
    each = schedule(interval=60, missed="all")
    stage.broker.fails = fail_until(NOW + 5.5 * MINUTE, stage.clock)

    stage.serve(each, length=6.7 * MINUTE)

    assert stage.broker.ids == ids_of(each, *(NOW + n * MINUTE for n in range(7)))


def test_tick_is_given_up_when_its_grace_is_over(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    once = schedule(time=NOW + MINUTE, grace=20)
    stage.broker.fails = fail_until(NOW + 5 * MINUTE, stage.clock)

    stage.serve(once)

    assert stage.broker.sent == []
    assert "is given up: it is later than its grace allows" in caplog.text


def test_one_that_cannot_be_sent_delays_no_other(stage: Stage) -> None:
    bad, good = schedule(schedule_id="bad", interval=60), schedule(schedule_id="good", interval=60)

    class Refuses(InMemoryScheduleSource):
        def pre_send(self, task: ScheduledTask) -> None:
            if task.schedule_id == "bad":
                raise ConnectionError("no")

    stage.source = Refuses(clock=stage.clock.monotonic)
    stage.serve(bad, good, length=3.5 * MINUTE)

    assert stage.broker.sent == [
        (tick_id(good, NOW + n * MINUTE), NOW + n * MINUTE) for n in range(4)
    ]


def test_end_waits_for_what_is_being_sent_and_tries_nothing_again(stage: Stage) -> None:
    each = schedule(time=NOW + MINUTE)
    stage.broker.fails = lambda _: asyncio.sleep(10)

    stage.serve(each, length=1.1 * MINUTE)

    assert stage.broker.ids == ids_of(each, NOW + MINUTE)
    stage = Stage()
    stage.broker.fails = fail_until(NOW + 60 * MINUTE, stage.clock)
    stage.serve(each, length=5 * MINUTE)
    assert stage.clock.now() < NOW + 5 * MINUTE + timedelta(seconds=1)
    assert stage.broker.sent == []


# -- sources ---------------------------------------------------------------------------------------


def test_source_that_cannot_forget_a_moment_has_it_sent_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    once = schedule(time=NOW + MINUTE)

    class Keeps(InMemoryScheduleSource):
        def post_send(self, task: ScheduledTask) -> None:
            raise PermissionError("read only")

    source = stage.source = Keeps(clock=stage.clock.monotonic)
    stage.serve(once)
    stage.serve()

    assert stage.broker.ids == ids_of(once, NOW + MINUTE)
    assert "t (schedule s) was sent, but Keeps.post_send failed: read only" in caplog.text
    assert asyncio.run(source.get_schedules()) == [once]


def test_moment_of_a_source_that_can_neither_forget_nor_claim_is_sent_once(stage: Stage) -> None:
    once = schedule(time=NOW + MINUTE)

    class Fixed(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            return [once.model_copy()]

    stage.serve(sources=[Fixed()])

    assert stage.broker.ids == ids_of(once, NOW + MINUTE)


def test_confirming_that_fails_sends_nothing_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    each = schedule(time=NOW + MINUTE)

    class ForgetsTwice(InMemoryScheduleSource):
        left = 2

        async def confirm(self, schedule_id: str, tick: datetime) -> None:
            if self.left:
                self.left -= 1
                raise ConnectionError("store is down")
            await super().confirm(schedule_id, tick)

    stage.source = ForgetsTwice(clock=stage.clock.monotonic)
    stage.serve(each)

    assert stage.broker.ids == ids_of(each, NOW + MINUTE)
    assert asyncio.run(stage.source.last_tick("s")) == NOW + MINUTE
    assert caplog.text.count("was sent, but can't be confirmed: store is down") == 2


def test_failing_source_is_tried_with_growing_delays_and_keeps_what_it_had(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[float] = []

    class Fails(InMemoryScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            asked.append(stage.clock.monotonic())
            if len(asked) in range(2, 6):
                raise ConnectionError("store is down")
            return await super().get_schedules()

        async def changes(self) -> AsyncGenerator[None, None]:
            for _ in ():
                yield

    class Hangs(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            await asyncio.Event().wait()
            return []

    each = schedule(interval=60)
    stage.source = Fails(clock=stage.clock.monotonic)
    stage.serve(each, sources=[stage.source, Hangs()], length=5.5 * MINUTE)

    assert len(stage.broker.sent) == 6, "though its source failed, and another one hung"
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits[0] == pytest.approx(60)
    assert waits[1] < waits[2] * 1.01 < waits[3] * 1.02 < waits[4] * 1.03
    assert waits[4] <= 8
    assert waits[5] == pytest.approx(60)
    assert "Fails can't be asked for its schedules, those it had stay: store is down" in caplog.text
    assert "Hangs can't be asked for its schedules, those it had stay: TimeoutError" in caplog.text


def test_source_that_cannot_be_started_is_started_later(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class StartsLate(InMemoryScheduleSource):
        left = 2

        async def startup(self) -> None:
            self.left -= 1
            if self.left > 0:
                raise ConnectionError("not yet")

        async def get_schedules(self) -> list[ScheduledTask]:
            assert not self.left
            return await super().get_schedules()

    stage.source = StartsLate(clock=stage.clock.monotonic)
    stage.source.left = 3
    stage.serve(schedule(interval=60), unstarted=[stage.source], length=1.5 * MINUTE)

    assert len(stage.broker.sent) == 2
    assert "StartsLate can't be asked for its schedules" in caplog.text


# -- schedulers that die ---------------------------------------------------------------------------


def test_tick_of_a_scheduler_that_died_is_sent_by_another(stage: Stage) -> None:
    """It had claimed the tick of 00:01, and confirmed the one of 00:02."""
    each = schedule(interval=60)

    async def die() -> None:
        assert await stage.source.claim("s", NOW + MINUTE)
        assert await stage.source.claim("s", NOW + 2 * MINUTE)
        await stage.source.confirm("s", NOW + 2 * MINUTE)

    stage.clock.run(die())
    stage.serve(each, length=3.5 * MINUTE)

    first, *others = stage.broker.ids
    assert {first, *others} == set(ids_of(each, NOW + MINUTE, NOW + 3 * MINUTE))
    assert asyncio.run(stage.source.abandoned()) == []


@pytest.mark.parametrize("late", [{"grace": 5.0}, {"missed": MissedTicks.SKIP}])
def test_tick_of_a_scheduler_that_died_long_ago_is_over(
    stage: Stage, late: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its grace holds for every other scheduler; it is logged once, and offered to nobody again."""
    each = schedule(interval=3600, **late)

    async def die() -> None:
        assert await stage.source.claim("s", NOW - MINUTE)
        await asyncio.sleep(2 * stage.source.claim_lease)

    stage.clock.run(die())
    stage.serve(each, length=3.5 * MINUTE)

    assert stage.broker.ids == []
    assert caplog.text.count("are not sent: too late") == 1
    assert asyncio.run(stage.source.abandoned()) == []


def test_tick_that_was_sent_before_its_scheduler_died_is_not_run_again(stage: Stage) -> None:
    each = schedule(time=NOW + MINUTE)

    async def send_and_die() -> None:
        await asyncio.sleep(60)
        await stage.source.claim("s", NOW + MINUTE)
        message = each.model_copy(update={"task_id": tick_id(each, NOW + MINUTE)})
        await TaskiqScheduler(stage.broker, []).on_ready(stage.source, message)
        await stage.broker.wait_all()
        await stage.source.add_schedule(each)  # it died before it could forget it

    stage.clock.run(send_and_die())
    stage.serve(length=5 * MINUTE)

    assert stage.broker.ids == ids_of(each, NOW + MINUTE)
    assert asyncio.run(stage.source.get_schedules()) == []


def test_scheduler_whose_claim_ran_out_claims_again(stage: Stage) -> None:
    """Another one has sent the tick meanwhile, so this one does not."""
    each = schedule(time=NOW + MINUTE)
    stage.source.claim_lease = 20

    async def confirm_elsewhere() -> None:
        await asyncio.sleep(20)
        assert await stage.source.claim("s", NOW + MINUTE)
        await stage.source.confirm("s", NOW + MINUTE)

    stage.broker.fails = fail_until(NOW + 2 * MINUTE, stage.clock)

    def fails(tries: int) -> None:
        if tries == 1:
            stage.clock_task = asyncio.create_task(confirm_elsewhere())  # type: ignore[attr-defined]
        fail_until(NOW + 2 * MINUTE, stage.clock)(tries)

    stage.broker.fails = fails
    stage.serve(each, length=5 * MINUTE)

    assert stage.broker.sent == []


async def test_broker_with_unique_keys_refuses_what_it_has(tmp_path: Path) -> None:
    """Sent, not confirmed, and sent again by another scheduler: one message is in the queue."""
    broker, source = SQLiteBroker(tmp_path / "tasks.db"), InMemoryScheduleSource()
    broker.task("t")(lambda: None)
    await source.add_schedule(schedule(time=NOW))
    confirmed = asyncio.Event()

    class DiesBeforeItConfirms(InMemoryScheduleSource):
        async def confirm(self, schedule_id: str, tick: datetime) -> None:
            confirmed.set()
            await asyncio.Event().wait()

    for each in (DiesBeforeItConfirms(), source):
        if each is not source:
            await each.add_schedule(schedule(time=NOW))
        serving = asyncio.create_task(SchedulerLoop(TaskiqScheduler(broker, [each])).run())
        async with asyncio.timeout(30):
            if each is source:
                while await source.last_tick("s") is None:  # noqa: ASYNC110  # has no event
                    await asyncio.sleep(0.01)
            else:
                await confirmed.wait()
        serving.cancel()
        await asyncio.wait([serving], timeout=0.1)

    assert (await broker.stats()).waiting == 1
    assert await source.get_schedules() == []
    await broker.shutdown()


# -- what the log says -----------------------------------------------------------------------------


def test_missed_ticks_are_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.serve(
        schedule(interval=60),
        schedule(schedule_id="skipped", interval=60, missed="skip"),
        schedule(schedule_id="many", interval=1, missed="all"),
        length=1.5 * MINUTE,
    )
    caplog.clear()

    async def main() -> None:
        scheduler = TaskiqScheduler(stage.broker, [stage.source])
        serving = asyncio.create_task(SchedulerLoop(scheduler, clock=stage.clock).run())
        await asyncio.sleep(1)
        stage.clock.shift(timedelta(hours=1))
        await asyncio.sleep(1)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    with caplog.at_level(logging.WARNING):
        stage.clock.run(main())

    assert "t (schedule s): its ticks from 2026-01-01 00:02:00+00:00 on were missed" in caplog.text
    assert "(schedule skipped): its ticks from 2026-01-01 00:02:00+00:00 to" in caplog.text
    assert "t (schedule many) missed very many ticks: the latest 1000 are sent" in caplog.text
