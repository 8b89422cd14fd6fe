"""When schedules are due: at start, missed, paused, changed; against an oracle of every tick."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_scheduler import InMemoryScheduleSource
from taskiq_scheduler.due_queue import DueQueue
from taskiq_scheduler.missed import LIMIT, ON_TIME

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AT_NOW = {"s": NOW}
"""The last tick of a schedule whose tick of this minute was sent."""


def schedule(**values: Any) -> ScheduledTask:
    return ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, schedule_id="s", **values)


def sent(queue: DueQueue, now: datetime) -> list[datetime]:
    return [tick for due in queue.take_due(now) for tick in due.ticks]


def minutes(*numbers: float) -> list[datetime]:
    return [NOW + timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [5]),
        ({"missed": "once"}, [5]),
        ({"missed": "once", "grace": 30}, [5]),
        ({"missed": "once", "grace": 29}, []),
        ({"missed": "all"}, [1, 2, 3, 4, 5]),
        ({"missed": "all", "grace": 150}, [3, 4, 5]),
        ({"missed": "skip"}, []),
        ({"missed": "skip", "grace": 60}, [5]),
    ],
)
def test_ticks_while_nobody_looked(values: dict[str, Any], expected: list[int]) -> None:
    """Suspended, or the clock jumped ahead, from 12:00 to 12:05:30."""
    queue, source = DueQueue(), InMemoryScheduleSource()
    queue.replace(source, [schedule(cron="* * * * *", **values)], NOW, AT_NOW)

    found = sent(queue, NOW + timedelta(minutes=5, seconds=30))

    assert found == minutes(*expected)
    assert queue.first_tick == NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [5]),
        ({"missed": "all"}, [1, 2, 3, 4, 5]),
        ({"missed": "all", "grace": 150}, [3, 4, 5]),
        ({"missed": "skip"}, []),
        ({"missed": "skip", "grace": 60}, []),
    ],
)
def test_ticks_while_no_scheduler_ran(values: dict[str, Any], expected: list[int]) -> None:
    """The last one was sent at 12:00, a scheduler starts at 12:05:30."""
    queue, source = DueQueue(), InMemoryScheduleSource()
    start = NOW + timedelta(minutes=5, seconds=30)
    queue.replace(source, [schedule(cron="* * * * *", **values)], start, {"s": NOW})

    assert sent(queue, start) == minutes(*expected)
    assert queue.first_tick == NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cron": "* * * * *"}, [30]),
        ({"cron": "30 * * * *"}, [30]),
        ({"cron": "29 * * * *"}, []),
        ({"cron": "* * * * * 10,20"}, [30 + 20 / 60]),
        ({"interval": 60}, [30]),
        ({"interval": 3600}, [0]),
        ({"interval": 3600, "grace": 1800}, []),
        ({"interval": 3600, "missed": "skip"}, []),
        ({"interval": 600, "missed": "all"}, [30]),
        ({"cron": "30 * * * *", "interval": 1200, "time": NOW}, [0, 20, 30]),
        ({"cron": "30 * * * *", "interval": 1800}, [30]),
    ],
)
def test_without_a_last_tick_the_running_one_is_due(
    values: dict[str, Any], expected: list[float]
) -> None:
    """At 12:30:25 a scheduler starts, and no store knows what was sent before."""
    queue, source = DueQueue(), InMemoryScheduleSource()
    start = NOW + timedelta(minutes=30, seconds=25)

    queue.replace(source, [schedule(**values)], start)

    assert sent(queue, start) == minutes(*expected)
    assert sent(queue, start) == []


def test_running_tick_that_is_known_as_sent_is_not_due() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()

    queue.replace(source, [schedule(interval=3600)], NOW + timedelta(minutes=30), AT_NOW)

    assert sent(queue, NOW + timedelta(minutes=30)) == []
    assert queue.first_tick == NOW + timedelta(hours=1)


def test_first_run_that_is_skipped_is_that_of_cron_lines_only() -> None:
    """At 12:30:25, and a schedule that is listed a minute later is due in its own minute."""
    queue, source = DueQueue(), InMemoryScheduleSource()
    start = NOW + timedelta(minutes=30, seconds=25)
    each = schedule(cron="* * * * *", interval=1200, time=NOW)
    queue.skip_minute(start)

    queue.replace(source, [each], start, {})
    assert sent(queue, start) == minutes(0, 20)
    assert queue.first_tick == NOW + timedelta(minutes=31)

    other = schedule(cron="* * * * *").model_copy(update={"schedule_id": "later"})
    queue.replace(source, [other], start + 60 * SECOND, {})
    assert sent(queue, start + 60 * SECOND) == minutes(31)


def test_first_run_is_skipped_where_the_last_tick_is_known() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    start = NOW + timedelta(minutes=5, seconds=30)
    queue.skip_minute(start)

    queue.replace(source, [schedule(cron="* * * * *")], start, AT_NOW)

    assert sent(queue, start) == []
    assert queue.first_tick == NOW + timedelta(minutes=6)


def test_cron_interval_and_time_each_fire() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    time = NOW + timedelta(minutes=25)
    each = schedule(cron="40 * * * *", interval=1800, time=time, missed="all")
    queue.replace(source, [each], NOW, AT_NOW)

    found = [tick for number in range(61) for tick in sent(queue, NOW + number * 60 * SECOND)]

    assert found == minutes(25, 30, 40, 60)


def test_moment_beside_a_cron_line_is_no_longer_due_when_it_has_fired() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    each = schedule(cron="0 0 1 1 *", time=NOW)

    queue.replace(source, [each], NOW + 60 * SECOND, AT_NOW)

    assert sent(queue, NOW + timedelta(days=2)) == []


def test_very_many_ticks_are_made_up_for_in_part() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    queue.replace(source, [schedule(interval=1, missed="all")], NOW, AT_NOW)

    found = sent(queue, NOW + timedelta(days=365))

    assert len(found) == LIMIT
    assert found[-1] == NOW + timedelta(days=365)
    assert found == sorted(found)


@pytest.mark.parametrize("policy", MissedTicks)
def test_clock_that_is_put_back_repeats_no_tick(policy: MissedTicks) -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    each = schedule(interval=60, missed=policy)
    queue.replace(source, [each], NOW, AT_NOW)
    assert sent(queue, NOW + timedelta(minutes=1)) == minutes(1)

    back = NOW - timedelta(hours=1)
    changed = each.model_copy(update={"args": [1]})
    queue.replace(source, [changed], back)
    again = [sent(queue, back + number * 30 * SECOND) for number in range(125)]

    assert [tick for found in again for tick in found] == minutes(2)
    restarted = DueQueue()
    restarted.replace(source, [each], back, {"s": NOW + timedelta(minutes=2)})
    assert restarted.first_tick == NOW + timedelta(minutes=3)


def test_last_tick_of_a_clock_that_was_wrong_by_years_is_not_believed() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()

    queue.replace(source, [schedule(interval=60)], NOW, {"s": NOW + timedelta(days=10_000)})

    assert sent(queue, NOW) == minutes(0)
    assert queue.first_tick == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "is_sent"),
    [({}, True), ({"grace": 60}, False), ({"grace": 7200}, True), ({"missed": "skip"}, False)],
)
def test_moment_that_has_passed(values: dict[str, Any], is_sent: bool) -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    once = schedule(time=NOW - timedelta(hours=1), **values)
    queue.replace(source, [once], NOW)

    assert sent(queue, NOW) == ([once.time] if is_sent else [])

    queue.replace(source, [once], NOW)
    queue.replace(source, [once.model_copy(update={"args": [1]})], NOW)
    assert sent(queue, NOW) == [], "its source may be unable to delete it"
    restarted = DueQueue()
    restarted.replace(source, [once], NOW, {"s": NOW - timedelta(hours=1)})
    assert sent(restarted, NOW) == []


def test_paused_schedule_is_not_due_and_goes_on_from_then() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    each = schedule(interval=60, missed="all")
    paused = each.model_copy(update={"enabled": False})
    queue.replace(source, [paused], NOW, {"s": NOW - timedelta(hours=1)})
    assert queue.first_tick is None

    queue.replace(source, [each], NOW + timedelta(minutes=10))
    assert sent(queue, NOW + timedelta(minutes=11)) == minutes(11)

    queue.replace(source, [paused], NOW + timedelta(minutes=12))
    assert sent(queue, NOW + timedelta(minutes=20)) == []
    queue.replace(source, [each], NOW + timedelta(minutes=20))
    assert sent(queue, NOW + timedelta(minutes=21)) == minutes(21)


class Oracle:
    """Walks second by second, and keeps all it saw."""

    def __init__(self, period: int, policy: MissedTicks, grace: float | None) -> None:
        self.period, self.policy, self.grace = period, policy, grace
        self.seen = NOW
        self.sent: list[datetime] = [NOW]

    def look(self, now: datetime) -> list[datetime]:
        passed, moment = [], self.seen + SECOND
        while moment <= now:
            if int(moment.timestamp()) % self.period == 0:
                passed.append(moment)
            moment += SECOND
        self.seen = max(self.seen, now)
        if self.policy is not MissedTicks.ALL:
            passed = passed[-1:]
        grace = ON_TIME if self.grace is None else self.grace
        if self.grace is not None or self.policy is MissedTicks.SKIP:
            passed = [tick for tick in passed if (now - tick).total_seconds() <= grace]
        self.sent += passed[-LIMIT:]
        return passed[-LIMIT:]

    def restart(self, now: datetime) -> None:
        self.seen = max(self.sent)
        if self.policy is MissedTicks.SKIP:
            self.seen = max(self.seen, now)


@settings(max_examples=150, deadline=None)
@given(
    period=st.sampled_from([1, 2, 7, 60, 61, 900]),
    policy=st.sampled_from(MissedTicks),
    grace=st.one_of(st.none(), st.integers(0, 400)),
    # How far the clock is at the next look, and whether the scheduler was started anew meanwhile.
    steps=st.lists(st.tuples(st.integers(-300, 1500), st.booleans()), max_size=12),
)
def test_what_is_sent_is_what_the_oracle_sends(
    period: int, policy: MissedTicks, grace: float | None, steps: list[tuple[int, bool]]
) -> None:
    source = InMemoryScheduleSource()
    each = schedule(interval=period, missed=policy, grace=grace)
    queue, oracle, now = DueQueue(), Oracle(period, policy, grace), NOW
    queue.replace(source, [each], now, AT_NOW)

    for seconds, is_restart in steps:
        now += seconds * SECOND
        if is_restart:
            queue = DueQueue()
            queue.replace(source, [each], now, {"s": max(oracle.sent)})
            oracle.restart(now)
        assert sent(queue, now) == oracle.look(now)

    assert len(set(oracle.sent)) == len(oracle.sent), "a tick is sent once"


def test_two_schedules_of_one_id_are_told_and_the_first_is_followed() -> None:
    queue, source = DueQueue(), InMemoryScheduleSource()
    twice = [schedule(cron="* * * * *"), schedule(interval=7)]

    first = queue.replace(source, twice, NOW, AT_NOW)
    again = queue.replace(source, twice, NOW)

    assert [each.reason for each in first] == ["another schedule of its source has the same id"]
    assert again == []
    assert queue.first_tick == NOW + timedelta(minutes=1)
    queue.replace(source, [], NOW)
    assert queue.first_tick is None
