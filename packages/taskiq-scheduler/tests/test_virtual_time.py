"""Schedulers on a virtual clock: a month in about a second, a clock that is set."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_core.messages.cron_spec import CronSpec
from taskiq_inmemory import InMemoryBroker
from taskiq_retry import SimpleRetryMiddleware
from taskiq_scheduler import InMemoryScheduleSource, SchedulerLoop, TaskiqScheduler
from taskiq_testkit.clock import VirtualClock

HOUR = timedelta(hours=1)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


class Stage:
    """A broker whose task writes down when it ran, and a scheduler for it."""

    def __init__(self, start: datetime = MARCH) -> None:
        self.clock = VirtualClock(start)
        self.broker = InMemoryBroker()
        self.source = InMemoryScheduleSource(clock=self.clock.monotonic)
        self.ran: list[tuple[str, datetime]] = []
        self.task = self.broker.task("t")(self.run)

    async def run(self, name: str) -> None:
        self.ran.append((name, self.clock.now()))

    def times(self, name: str) -> list[datetime]:
        return [moment.replace(microsecond=0) for each, moment in self.ran if each == name]

    def serve(
        self,
        prepare: Callable[[], Awaitable[Any]],
        *loops: SchedulerLoop,
        length: timedelta,
        update: timedelta = HOUR,
    ) -> None:
        """Prepare, then let schedulers run for so long."""

        async def main() -> None:
            await self.broker.startup()
            await prepare()
            serving = [
                asyncio.create_task(each.run(update_interval=update))
                for each in loops or [self.loop()]
            ]
            await asyncio.sleep(length.total_seconds())
            for each in serving:
                each.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await self.broker.wait_all()
            await self.broker.shutdown()

        self.clock.run(main())

    def loop(self, *sources: ScheduleSource) -> SchedulerLoop:
        scheduler = TaskiqScheduler(self.broker, list(sources) or [self.source])
        return SchedulerLoop(scheduler, clock=self.clock)


def test_month_with_two_changes_of_the_clock() -> None:
    """New York puts its clocks ahead on the 8th, Berlin on the 29th."""
    stage = Stage()
    zones = {"berlin": ZoneInfo("Europe/Berlin"), "york": ZoneInfo("America/New_York")}

    async def prepare() -> None:
        for name, zone in zones.items():
            spec = CronSpec(minutes=30, hours=2, offset=zone.key)
            await stage.task.schedule_by_cron(stage.source, spec, name)
        await stage.task.schedule_by_interval(stage.source, HOUR, "hourly")
        await stage.task.schedule_by_time(stage.source, MARCH + timedelta(days=20), "once")

    stage.serve(prepare, length=timedelta(days=31))

    hourly = stage.times("hourly")
    # The last of them falls on the end, and may not be sent any more.
    assert hourly[: 31 * 24] == [MARCH + n * HOUR for n in range(31 * 24)]
    assert stage.times("once") == [MARCH + timedelta(days=20)]
    for name, changed in (("berlin", 29), ("york", 8)):
        local = [f"{each.astimezone(zones[name]):%d %H:%M}" for each in stage.times(name)]
        assert f"{changed:02} 03:00" in local, "02:30 does not exist that day"
        assert [each for each in local if not each.endswith("02:30")] == [f"{changed:02} 03:00"]
        assert len({each[:2] for each in local}) == len(local) == 31


def test_two_schedulers_and_a_clock_that_is_set_send_each_tick_once() -> None:
    stage = Stage()
    shifts = [timedelta(minutes=-90), timedelta(minutes=30), timedelta(minutes=-7)]

    async def prepare() -> None:
        loop = asyncio.get_running_loop()
        for number, shift in enumerate(shifts, start=1):
            loop.call_later(number * 3600 + 100, stage.clock.shift, shift)
        await stage.task.schedule_by_interval(stage.source, 600, "x")

    sent: list[str | None] = []
    original = stage.broker.send

    async def send(message: Any) -> None:
        sent.append(message.task_id)
        await original(message)

    stage.broker.send = send  # type: ignore[method-assign]

    stage.serve(prepare, stage.loop(), stage.loop(), length=timedelta(hours=8))

    assert len(set(sent)) == len(sent), "no tick twice"
    # 8 h of running, 67 min of which are run through again; of 30 min that were left out the last
    # tick is made up for.
    assert 6 * (8 * 60 - 67) / 60 - 4 <= len(sent) <= 6 * (8 * 60 - 67) / 60 + 1


def test_schedule_that_is_paused_and_goes_on() -> None:
    stage = Stage()

    async def prepare() -> None:
        made = await stage.task.schedule_by_interval(stage.source, HOUR, "x")

        async def set_enabled(enabled: bool) -> None:
            changed = made.task.model_copy(update={"enabled": enabled, "missed": "all"})
            await stage.source.add_schedule(changed)

        loop = asyncio.get_running_loop()
        for hours, enabled in ((2.5, False), (5.5, True)):
            loop.call_later(hours * 3600, lambda it=enabled: loop.create_task(set_enabled(it)))

    stage.serve(prepare, length=7.5 * HOUR, update=timedelta(minutes=1))

    assert stage.times("x") == [MARCH + n * HOUR for n in (0, 1, 2, 6, 7)]


def test_scheduler_that_starts_again_makes_up_for_what_was_missed() -> None:
    stage = Stage()
    values: dict[str, Any] = {"task_name": "t", "labels": {}, "kwargs": {}, "interval": 3600}

    async def prepare() -> None:
        for policy in ("skip", "once", "all"):
            each = ScheduledTask(args=[policy], schedule_id=policy, missed=policy, **values)
            await stage.source.add_schedule(each)

    async def nothing() -> None: ...

    stage.serve(prepare, length=1.5 * HOUR)
    stage.clock.run(asyncio.sleep(4 * 3600))
    stage.ran.clear()
    stage.serve(nothing, length=1 * HOUR)

    restarted, following = MARCH + 5.5 * HOUR, MARCH + 6 * HOUR
    assert stage.times("skip") == [following]
    assert stage.times("once") == [restarted, following]
    assert stage.times("all") == [restarted] * 4 + [following]


def test_delays_and_retries_take_no_time() -> None:
    stage = Stage()
    stage.broker.add_middlewares(SimpleRetryMiddleware())
    tries: list[datetime] = []

    @stage.broker.task("flaky", retry_on_error=True, max_retries=3, delay=3600)
    async def flaky() -> None:
        tries.append(stage.clock.now().replace(microsecond=0))
        raise ValueError

    async def prepare() -> None:
        await flaky.schedule_by_time(stage.source, MARCH + HOUR)

    stage.serve(prepare, length=timedelta(days=1))

    assert tries[0] == MARCH + 2 * HOUR, "due after an hour, delayed by another one"
    assert len(tries) == 3
