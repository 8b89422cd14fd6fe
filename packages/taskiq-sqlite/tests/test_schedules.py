"""Schedules in a file, and ticks that one scheduler gets."""

import asyncio
import json
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource, schedules
from taskiq_sqlite.storage.schedule_rows import StoredSchedule, put_schedule
from taskiq_testservers.sqlite_poison import change
from taskiq_testservers.sqlite_workers import (
    MINUTE,
    PATIENCE,
    TICK,
    add_schedule_elsewhere,
    claim_all,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def source(path: Path) -> AsyncIterator[SQLiteScheduleSource]:
    source = SQLiteScheduleSource(path)
    await source.startup()
    yield source
    await source.shutdown()


def schedule(schedule_id: str, **fields: Any) -> ScheduledTask:
    values = fields or {"cron": "* * * * *"}
    return ScheduledTask(
        task_name="t",
        labels={"a": 1},
        args=[1],
        kwargs={"k": "v"},
        schedule_id=schedule_id,
        **values,
    )


class TestSchedules:
    async def test_are_added_replaced_and_deleted(self, source: SQLiteScheduleSource) -> None:
        await source.add_schedule(schedule("a"))
        await source.add_schedule(schedule("b", interval=timedelta(seconds=5)))
        await source.add_schedule(schedule("a", cron="5 * * * *", cron_offset="Europe/Rome"))

        found = await source.get_schedules()

        assert [each.schedule_id for each in found] == ["a", "b"]
        assert found[0] == schedule("a", cron="5 * * * *", cron_offset="Europe/Rome")
        await source.delete_schedule("a")
        await source.delete_schedule("unknown")
        assert [each.schedule_id for each in await source.get_schedules()] == ["b"]

    async def test_offsets_stay_what_they_are(self, source: SQLiteScheduleSource) -> None:
        for offset in (timedelta(hours=-5, minutes=-30), "Europe/Rome"):
            kept = schedule("a", cron="5 * * * *", cron_offset=offset)
            await source.add_schedule(kept)

            assert await source.get_schedules() == [kept]

    async def test_are_paused(self, source: SQLiteScheduleSource) -> None:
        await source.add_schedule(schedule("a"))

        assert await source.set_enabled("a", False)
        assert await source.get_schedules() == [schedule("a").model_copy(update={"enabled": False})]
        assert await source.set_enabled("a", True)
        assert await source.get_schedules() == [schedule("a")]
        assert not await source.set_enabled("unknown", True)

    async def test_that_are_added_paused_stay_so(self, source: SQLiteScheduleSource) -> None:
        paused = schedule("a", interval=5, enabled=False, missed="all", grace=90)

        await source.add_schedule(paused)

        assert await source.get_schedules() == [paused]

    async def test_of_older_versions_are_read(self, source: SQLiteScheduleSource) -> None:
        old = json.loads(schedule("a").model_dump_json())
        for name in ("enabled", "missed", "grace"):
            del old[name]
        await source.database.write(put_schedule, StoredSchedule("a", json.dumps(old)))

        assert await source.get_schedules() == [schedule("a")]

    async def test_one_that_cannot_be_read_hides_no_other(
        self, source: SQLiteScheduleSource, caplog: pytest.LogCaptureFixture
    ) -> None:
        await source.add_schedule(schedule("a"))
        await source.database.write(put_schedule, StoredSchedule("bad", "{"))

        for _ in range(3):
            assert await source.get_schedules() == [schedule("a")]

        assert caplog.text.count("Schedule 'bad' in ") == 1, "it is said once"
        await source.add_schedule(schedule("bad"))
        assert len(await source.get_schedules()) == 2

    async def test_that_fire_once_are_forgotten(self, source: SQLiteScheduleSource) -> None:
        once, often = schedule("once", time=TICK), schedule("often")
        for each in (once, often):
            await source.add_schedule(each)
            sent = source.post_send(each)
            if sent is not None:
                await sent

        assert await source.get_schedules() == [often]


class TestChanges:
    async def test_another_process_is_heard(
        self, source: SQLiteScheduleSource, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With an interval of a minute, nothing but a notification can do it in time."""
        monkeypatch.setattr(schedules, "CHANGES_INTERVAL", 1_000.0)
        async with aclosing(source.changes()) as changes:
            await anext(changes)
            heard = asyncio.ensure_future(anext(changes))
            process = multiprocessing.get_context("spawn").Process(
                target=add_schedule_elsewhere, args=(path,)
            )

            process.start()

            await asyncio.wait_for(heard, PATIENCE)
            assert [each.schedule_id for each in await source.get_schedules()] == ["elsewhere"]
            await asyncio.to_thread(process.join)

    async def test_a_process_that_does_not_notify_is_noticed(
        self, source: SQLiteScheduleSource, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As one of an older version, or on Windows."""
        monkeypatch.setattr(schedules, "CHANGES_INTERVAL", 0.02)
        async with aclosing(source.changes()) as changes:
            await anext(changes)
            for statement in (
                "INSERT INTO schedules (schedule_id, body) VALUES ('a', '{}')",
                "UPDATE schedules SET enabled = 0",
                "DELETE FROM schedules",
            ):
                heard = asyncio.ensure_future(anext(changes))

                change(path, statement)

                await asyncio.wait_for(heard, PATIENCE)


class TestBrokerClaims:
    async def test_are_apart_from_those_of_schedules(
        self, source: SQLiteScheduleSource, path: Path
    ) -> None:
        broker = SQLiteBroker(source.database)
        of_broker = broker.tick_claims(lease=0.01)

        assert await of_broker.claim("a", TICK)
        assert await source.claim("a", TICK)
        await asyncio.sleep(0.02)

        assert await of_broker.abandoned() == [("a", TICK)]
        assert await source.abandoned() == []
        await of_broker.confirm("a", TICK)
        assert await of_broker.last_tick("a") == TICK
        assert await source.last_tick("a") is None

    async def test_last_ticks_are_forgotten_after_a_year(
        self, source: SQLiteScheduleSource, path: Path
    ) -> None:
        of_broker = SQLiteBroker(source.database).tick_claims()
        await of_broker.confirm("old", TICK)
        await of_broker.confirm("recent", TICK)
        age = "UPDATE broker_last_ticks SET confirmed = confirmed - 4e7 WHERE schedule_id = 'old'"
        change(path, age)

        await of_broker.confirm("another", TICK)

        assert await of_broker.last_ticks(["old", "recent"]) == {"recent": TICK}


class TestClaims:
    async def test_one_gets_a_tick(self, source: SQLiteScheduleSource, path: Path) -> None:
        other = SQLiteScheduleSource(path)

        got = await asyncio.gather(
            *(each.claim("a", TICK) for each in (source, other) for _ in range(5))
        )

        assert sorted(got) == [False] * 9 + [True]
        assert await other.claim("a", TICK + MINUTE)
        assert await other.claim("b", TICK)
        await other.shutdown()

    async def test_time_zones_do_not_matter(self, source: SQLiteScheduleSource) -> None:
        there = TICK.astimezone(timezone(timedelta(hours=5)))

        assert [await source.claim("a", TICK), await source.claim("a", there)] == [True, False]

    async def test_one_that_was_not_confirmed_is_made_good(self, path: Path) -> None:
        source = SQLiteScheduleSource(path, claim_lease=0.05)
        assert await source.claim("a", TICK)

        async with asyncio.timeout(PATIENCE):
            while not await source.claim("a", TICK):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        await source.confirm("a", TICK)
        await asyncio.sleep(0.06)
        assert not await source.claim("a", TICK)
        await source.shutdown()

    async def test_the_last_tick_is_kept(self, source: SQLiteScheduleSource) -> None:
        await source.add_schedule(schedule("a"))
        assert await source.last_tick("a") is None

        for tick in (TICK, TICK + MINUTE, TICK - MINUTE):
            await source.claim("a", tick)
            await source.confirm("a", tick)

        assert await source.last_tick("a") == TICK + MINUTE

    @pytest.mark.parametrize(
        ("change", "is_forgotten"),
        [
            ({"cron": "5 * * * *"}, True),
            ({"cron": None, "interval": 60}, True),
            ({"cron_offset": "Europe/Rome"}, True),
            ({"args": [2]}, False),
            ({"missed": MissedTicks.ALL}, False),
            ({"enabled": False}, False),
        ],
    )
    async def test_last_one_is_of_the_schedule_as_it_stands(
        self, source: SQLiteScheduleSource, change: dict[str, Any], is_forgotten: bool
    ) -> None:
        """A schedule that is due at other moments now has not missed any of them."""
        kept = schedule("a")
        await source.add_schedule(kept)
        await source.confirm("a", TICK)

        await source.add_schedule(kept.model_copy(update=change))

        assert await source.last_tick("a") == (None if is_forgotten else TICK)
        assert not await source.claim("a", TICK)

    async def test_pause_is_not_made_up_for(self, source: SQLiteScheduleSource) -> None:
        await source.add_schedule(schedule("a"))
        await source.confirm("a", TICK)

        await source.set_enabled("a", False)
        assert await source.last_ticks(["a", "b"]) == {"a": TICK}
        await source.set_enabled("a", True)

        assert await source.last_ticks(["a"]) == {}

    async def test_of_dead_schedulers_are_listed(self, path: Path) -> None:
        source = SQLiteScheduleSource(path, claim_lease=0.05)
        await source.claim("a", TICK)
        await source.claim("a", TICK + MINUTE)
        await source.confirm("a", TICK + MINUTE)

        async with asyncio.timeout(PATIENCE):
            while not (found := await source.abandoned()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        assert found == [("a", TICK)]
        await source.confirm("a", TICK)
        assert await source.abandoned() == []
        await source.shutdown()

    async def test_survive_their_schedule(self, source: SQLiteScheduleSource) -> None:
        """Another scheduler may have it in memory, and must not fire it again."""
        await source.add_schedule(schedule("a", time=TICK))
        await source.claim("a", TICK)
        await source.confirm("a", TICK)

        await source.delete_schedule("a")

        assert not await source.claim("a", TICK)

    async def test_old_ones_are_pruned_and_stay_taken(self, path: Path) -> None:
        source = SQLiteScheduleSource(path, claim_memory=0.01)
        await source.add_schedule(schedule("a"))
        ticks = [LONG_AGO + n * MINUTE for n in range(20)]
        for tick in ticks:
            assert await source.claim("a", tick)
            await source.confirm("a", tick)

        await until_pruned(source, "claims")

        assert not any([await source.claim("a", tick) for tick in ticks])
        await source.shutdown()

    async def test_those_of_schedules_that_are_over_are_pruned_too(self, path: Path) -> None:
        """Nothing is left of schedules that fired once, but for as long as claims are kept."""
        source = SQLiteScheduleSource(path, claim_memory=0.01)
        for number in range(50):
            await fire_once(source, schedule(f"once {number}", time=LONG_AGO))

        assert await source.database.read(_count, "last_ticks") == 0
        await until_pruned(source, "claims")
        await source.shutdown()

    async def test_those_that_nobody_made_good_are_pruned(self, path: Path) -> None:
        """As of a scheduler that died, and whose schedule was deleted meanwhile."""
        source = SQLiteScheduleSource(path, claim_lease=0.01, claim_memory=0.01)
        for number in range(20):
            await source.claim(f"gone {number}", LONG_AGO)

        await until_pruned(source, "claims")

        assert await source.abandoned() == []
        await source.shutdown()

    async def test_a_late_one_is_not_sent_twice(self, path: Path) -> None:
        """A schedule that fires once does so years late; another scheduler has it in memory."""
        source, other = SQLiteScheduleSource(path), SQLiteScheduleSource(path)
        await fire_once(source, schedule("once", time=LONG_AGO))

        await fire_once(source, schedule("another", time=LONG_AGO))

        assert not await other.claim("once", LONG_AGO)
        await source.shutdown()
        await other.shutdown()

    async def test_naive_times_are_refused(self, source: SQLiteScheduleSource) -> None:
        naive = datetime(2030, 1, 1)  # noqa: DTZ001  # what is refused
        with pytest.raises(ValueError, match="schedule 'a' has no time zone"):
            await source.claim("a", naive)

    async def test_processes_share_ticks(self, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(3) as pool:
            claimed = await asyncio.to_thread(pool.map, claim_all, [path] * 3)

        ticks = [tick for each in claimed for tick in each]

        assert sorted(ticks) == list(range(100))


async def fire_once(source: SQLiteScheduleSource, once: ScheduledTask) -> None:
    """What schedulers do: the schedule is gone before its tick is confirmed."""
    assert once.time is not None
    await source.add_schedule(once)
    assert await source.claim(once.schedule_id, once.time)
    sent = source.post_send(once)
    assert sent is not None
    await sent
    await source.confirm(once.schedule_id, once.time)


async def until_pruned(source: SQLiteScheduleSource, table: str) -> None:
    """Have some other schedule fire until nothing but its tick is left."""
    async with asyncio.timeout(PATIENCE):
        while await source.database.read(_count, table) > 1:
            await source.confirm("other", LONG_AGO)
            await asyncio.sleep(0.01)


def _count(transaction: Any, tables: Any) -> Any:
    return [transaction.value(f"SELECT count(*) FROM {table}") for table in tables]


def test_options(path: Path) -> None:
    with pytest.raises(ValueError, match="claim_lease"):
        SQLiteScheduleSource(path, claim_lease=0)
    source = SQLiteScheduleSource.from_url(f"sqlite:///{path}?claim_lease=5&claim_memory=60")
    assert (source.claim_lease, source.claim_memory) == (5.0, 60.0)
    assert source.can_claim
