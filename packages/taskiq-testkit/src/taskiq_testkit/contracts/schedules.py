# ruff: noqa: S101  # contract tests assert
"""ScheduleSourceContract: everything that a schedule source must keep."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import ScheduleRefusedError
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_testkit.contract import Contract, proves
from taskiq_testkit.contracts.enqueue import TEXTS
from taskiq_testkit.reports import report_subject

MakeScheduleSource = Callable[[], ScheduleSource]
TICK = datetime(2031, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
RIVALS = 10

KINDS: dict[str, dict[str, Any]] = {
    "cron": {"cron": "*/5 * * * *"},
    "cron in a time zone": {"cron": "0 9 * * 1", "cron_offset": "Europe/Paris"},
    "cron at a distance": {"cron": "@daily", "cron_offset": timedelta(hours=-3, minutes=-30)},
    "time": {"time": TICK},
    "time elsewhere": {"time": TICK.astimezone(timezone(timedelta(hours=5)))},
    "interval": {"interval": 30},
    "short interval": {"interval": timedelta(milliseconds=250)},
}


class SourceHarness:
    """A schedule source under test, started."""

    def __init__(self, source: ScheduleSource, patience: float) -> None:
        self.source = source
        self.patience = patience

    def declares(self, capability: Capability) -> bool:
        """Schedule sources have no capabilities: what they can is stated as facts."""
        return True

    async def ids(self) -> set[str]:
        """The ids of all schedules."""
        return {each.schedule_id for each in await self.source.get_schedules()}


class ScheduleSourceContract(Contract):
    """What every schedule source must keep. Inherit it, and override the fixture `source`.

    Attributes:
        can_change: False for sources whose schedules stand elsewhere, in code or in a file.
        can_claim: whether the source's ticks can be claimed, as `ScheduleSource.can_claim` says.
        tells_changes: whether `changes` of the source yields.
        claim_lease: seconds after which a claim that was not confirmed is free again, of the
            fixture's source; None if it is too long to wait for.
    """

    kind = "schedule source"

    can_change: bool = True
    can_claim: bool = True
    tells_changes: bool = False
    claim_lease: float | None = None

    @pytest.fixture
    def source(self) -> ScheduleSource:
        """The schedule source that is tested, with no schedule in it that can be deleted."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `source` that makes the one to be tested"
        )

    @pytest.fixture
    def make_source(self) -> MakeScheduleSource | None:
        """Makes one more object on the store of `source`; the kit starts and stops it."""
        return None

    @pytest_asyncio.fixture
    async def harness(
        self, request: pytest.FixtureRequest, source: ScheduleSource
    ) -> AsyncGenerator[SourceHarness, None]:
        """The schedule source, started; for the tests of the kit."""
        report_subject(request.node, type(self), source, ())
        await source.startup()
        yield SourceHarness(source, self.patience)
        await source.shutdown()

    # -- schedules ----------------------------------------------------------------------------

    @proves()
    async def test_facts_are_true(self, harness: SourceHarness) -> None:
        """What can't be added, deleted or claimed is refused by NotImplementedError."""
        schedule = schedule_of("id", cron="* * * * *")
        assert harness.source.can_claim is self.can_claim
        if not self.can_change:
            with pytest.raises(NotImplementedError):
                await harness.source.add_schedule(schedule)
            with pytest.raises(NotImplementedError):
                await harness.source.delete_schedule("id")
        if not self.can_claim:
            with pytest.raises(NotImplementedError):
                await harness.source.claim("id", TICK)
            assert await harness.source.last_tick("id") is None

    @pytest.mark.parametrize("kind", KINDS)
    @proves(needs=("can_change",))
    async def test_schedule_is_kept_as_it_was(self, harness: SourceHarness, kind: str) -> None:
        """A schedule of any kind is listed as it was added, with all that it calls."""
        schedule = schedule_of("id \u4e00", **KINDS[kind])

        await harness.source.add_schedule(schedule)

        (found,) = await harness.source.get_schedules()
        assert found.model_dump() == schedule.model_dump()
        assert found.time is None or found.time.tzinfo is not None

    @proves(needs=("can_change",))
    async def test_all_schedules_are_listed(self, harness: SourceHarness) -> None:
        """Schedules that are added at the same time are all there."""
        ids = {str(number) for number in range(RIVALS)}
        schedules = [schedule_of(each, cron="* * * * *") for each in ids]

        await asyncio.gather(*map(harness.source.add_schedule, schedules))

        assert await harness.ids() == ids

    @proves(needs=("can_change",))
    async def test_what_may_be_due_is_listed(self, harness: SourceHarness) -> None:
        """What is due until a moment is listed, and each schedule once."""
        await harness.source.add_schedule(schedule_of("before", time=TICK - timedelta(days=1)))
        await harness.source.add_schedule(schedule_of("then", time=TICK))
        await harness.source.add_schedule(schedule_of("after", time=TICK + timedelta(days=1)))
        await harness.source.add_schedule(schedule_of("repeated", interval=1))

        found = await harness.source.get_schedules_until(TICK)

        ids = [each.schedule_id for each in found]
        assert sorted({*ids} - {"after"}) == ["before", "repeated", "then"]
        assert len(ids) == len({*ids})

    @proves(needs=("can_change",))
    async def test_another_time_replaces(self, harness: SourceHarness) -> None:
        """A schedule that fired once is due as it was put last: at another time, or repeatedly."""
        later = TICK + timedelta(days=1)
        await harness.source.add_schedule(schedule_of("repeated", time=TICK))
        await harness.source.add_schedule(schedule_of("repeated", interval=1))
        await harness.source.add_schedule(schedule_of("sooner", time=later))
        await harness.source.add_schedule(schedule_of("sooner", time=TICK))

        until = await harness.source.get_schedules_until(TICK)
        every = await harness.source.get_schedules()

        for found in (until, every):
            times = {each.schedule_id: each.time for each in found}
            assert times == {"repeated": None, "sooner": TICK}
            assert len(found) == len(times)

    @proves(needs=("can_change",))
    async def test_same_id_replaces(self, harness: SourceHarness) -> None:
        """A schedule of the same id takes the place of the earlier one."""
        await harness.source.add_schedule(schedule_of("id", interval=1))
        await harness.source.add_schedule(schedule_of("id", interval=2))

        assert [each.interval for each in await harness.source.get_schedules()] == [2]

    @proves(needs=("can_change",))
    async def test_deleted_is_gone(self, harness: SourceHarness) -> None:
        """A deleted schedule is not listed, others are; deleting it again is harmless."""
        for schedule_id in ("kept", "deleted"):
            await harness.source.add_schedule(schedule_of(schedule_id, cron="* * * * *"))

        await harness.source.delete_schedule("deleted")
        await harness.source.delete_schedule("deleted")

        assert await harness.ids() == {"kept"}

    @proves(needs=("can_change",))
    async def test_listing_changes_nothing(self, harness: SourceHarness) -> None:
        """A caller that lists schedules and changes what it got does not change the source's."""
        await harness.source.add_schedule(schedule_of("id", interval=1))

        for each in await harness.source.get_schedules():
            assert each.schedule_id == "id"
        listed = await harness.source.get_schedules()
        listed.clear()

        assert await harness.ids() == {"id"}

    @proves()
    async def test_startup_and_shutdown_twice(self, harness: SourceHarness) -> None:
        """Starting and stopping twice is harmless, and one that was stopped starts again."""
        for _ in range(2):
            await harness.source.startup()
            await harness.source.startup()
            await harness.source.shutdown()
            await harness.source.shutdown()
        await harness.source.startup()

        await harness.source.get_schedules()

    @proves(needs=("make_source", "can_change"))
    async def test_every_scheduler_sees_the_same(
        self, harness: SourceHarness, make_source: MakeScheduleSource
    ) -> None:
        """Another object on the same store lists what this one added, and not what it deleted."""
        other = SourceHarness(make_source(), harness.patience)
        await other.source.startup()
        for schedule_id in ("kept", "deleted"):
            await harness.source.add_schedule(schedule_of(schedule_id, cron="* * * * *"))
        await harness.source.delete_schedule("deleted")

        assert await other.ids() == {"kept"}
        await other.source.shutdown()

    @proves(needs=("can_change",))
    async def test_what_would_never_fire_is_refused(self, harness: SourceHarness) -> None:
        """A cron line, a time zone that can't be followed is refused where it is added."""
        for when in ({"cron": "61 * * * *"}, {"cron": "@daily", "cron_offset": "Mars/Base"}):
            with pytest.raises(ScheduleRefusedError):
                await harness.source.add_schedule(schedule_of("id", **when))

        assert await harness.ids() == set()

    @proves(needs=("can_change",))
    async def test_time_without_zone_is_utc(self, harness: SourceHarness) -> None:
        """A time without time zone is one in UTC."""
        await harness.source.add_schedule(schedule_of("id", time=TICK.replace(tzinfo=None)))

        assert [each.time for each in await harness.source.get_schedules()] == [TICK]

    # -- changes ------------------------------------------------------------------------------

    @proves(needs=("tells_changes", "can_change"))
    async def test_changes_are_told(self, harness: SourceHarness) -> None:
        """Each subscriber is notified of a schedule that is added, changed or removed."""
        async with AsyncExitStack() as stack:
            subscribers = [
                await stack.enter_async_context(aclosing(harness.source.changes()))
                for _ in range(2)
            ]
            await self._are_told(harness, subscribers)  # the subscriptions stand

            for change in (
                partial(harness.source.add_schedule, schedule_of("id", interval=60)),
                partial(harness.source.add_schedule, schedule_of("id", interval=90)),
                partial(harness.source.delete_schedule, "id"),
            ):
                await change()
                await self._are_told(harness, subscribers)

    @proves(needs=("tells_changes", "can_change", "make_source"))
    async def test_changes_of_another_process_are_told(
        self, harness: SourceHarness, make_source: MakeScheduleSource
    ) -> None:
        """A change by another object on the same store is announced."""
        other = make_source()
        await other.startup()
        async with aclosing(harness.source.changes()) as changes:
            await self._are_told(harness, [changes])

            await other.add_schedule(schedule_of("id", interval=60))

            await self._are_told(harness, [changes])
        await other.shutdown()

    async def _are_told(
        self, harness: SourceHarness, subscribers: list[AsyncGenerator[None, None]]
    ) -> None:
        try:
            async with asyncio.timeout(harness.patience):
                for each in subscribers:
                    await anext(each)
        except TimeoutError:
            pytest.fail(f"changes() yielded nothing to a subscriber for {harness.patience:g} s")

    # -- ticks --------------------------------------------------------------------------------

    @proves(needs=("can_claim",))
    async def test_one_scheduler_gets_a_tick(self, harness: SourceHarness) -> None:
        """Concurrent claims of one tick have exactly one winner; other ticks are free."""
        await self._add(harness, "id", "another id")

        claims = await asyncio.gather(
            *(harness.source.claim("id", TICK) for _ in range(RIVALS)),
        )

        assert sorted(claims) == [False] * (RIVALS - 1) + [True]
        assert await harness.source.claim("id", TICK + timedelta(seconds=1))
        assert await harness.source.claim("another id", TICK)

    @proves(needs=("can_claim", "make_source"))
    async def test_one_of_several_schedulers_gets_a_tick(
        self, harness: SourceHarness, make_source: MakeScheduleSource
    ) -> None:
        """Of several objects on one store, one gets a tick."""
        await self._add(harness, "id")
        sources = [make_source() for _ in range(3)]
        for source in sources:
            await source.startup()

        claims = await asyncio.gather(*(source.claim("id", TICK) for source in sources))

        assert sorted(claims) == [False, False, True]
        for source in sources:
            await source.shutdown()

    @proves(needs=("can_claim",))
    async def test_confirmed_tick_is_over(self, harness: SourceHarness) -> None:
        """A tick that was confirmed can't be claimed, in whatever time zone it is written."""
        await self._add(harness, "id")
        assert await harness.source.claim("id", TICK)

        await harness.source.confirm("id", TICK)

        assert not await harness.source.claim("id", TICK)
        assert not await harness.source.claim("id", TICK.astimezone(timezone(timedelta(hours=9))))

    @proves(needs=("can_claim",))
    async def test_last_tick(self, harness: SourceHarness) -> None:
        """The last tick is the latest that was confirmed, in whatever order; None before."""
        await self._add(harness, "id")
        before = await harness.source.last_tick("id")
        for seconds in (0, 60, 30):
            tick = TICK + timedelta(seconds=seconds)
            await harness.source.claim("id", tick)
            assert await harness.source.last_tick("id") != tick, "it is not confirmed yet"
            await harness.source.confirm("id", tick)

        assert before is None
        assert await harness.source.last_tick("id") == TICK + timedelta(seconds=60)
        assert await harness.source.last_tick("another id") is None

    @proves(needs=("can_claim", "can_change"))
    async def test_last_tick_says_nothing_of_other_moments(self, harness: SourceHarness) -> None:
        """When a schedule is changed so that it is due at other moments, its last tick is gone."""
        await self._add(harness, "id", "same")
        for schedule_id in ("id", "same"):
            await harness.source.claim(schedule_id, TICK)
            await harness.source.confirm(schedule_id, TICK)

        await harness.source.add_schedule(schedule_of("id", cron="0 * * * *"))
        await self._add(harness, "same")

        assert await harness.source.last_tick("id") is None
        assert await harness.source.last_tick("same") == TICK

    @proves(needs=("can_claim", "can_change"))
    async def test_late_tick_is_sent_once(self, harness: SourceHarness) -> None:
        """A schedule that fires once, years late, and is gone by then, can't be claimed again."""
        late = TICK - timedelta(days=3650)
        await harness.source.add_schedule(schedule_of("id", time=late))
        assert await harness.source.claim("id", late)

        await harness.source.delete_schedule("id")
        await harness.source.confirm("id", late)

        assert not await harness.source.claim("id", late)

    @proves(needs=("can_claim", "claim_lease"))
    async def test_claim_of_a_dead_scheduler_is_free_again(self, harness: SourceHarness) -> None:
        """A claim that is not confirmed can be claimed by another one after a while, not before."""
        await self._add(harness, "id")
        assert await harness.source.claim("id", TICK)
        assert not await harness.source.claim("id", TICK)

        await asyncio.sleep((self.claim_lease or 0) * 1.1)

        assert await harness.source.claim("id", TICK)
        assert not await harness.source.claim("id", TICK)

    async def _add(self, harness: SourceHarness, *schedule_ids: str) -> None:
        if self.can_change:
            for schedule_id in schedule_ids:
                await harness.source.add_schedule(schedule_of(schedule_id, cron="* * * * *"))


def schedule_of(schedule_id: str, **when: Any) -> ScheduledTask:
    """A schedule with something of everything."""
    return ScheduledTask(
        task_name="taskiq_testkit:scheduled",  # not an import
        labels={"queue": TEXTS, "number": 3},
        args=[1, "two", None],
        kwargs={"deep": {"list": [1.5, False]}},
        schedule_id=schedule_id,
        **when,
    )
