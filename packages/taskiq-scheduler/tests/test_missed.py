"""Missed ticks against an oracle that knows every tick there ever was."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_scheduler import InMemoryScheduleSource
from taskiq_scheduler.agenda import Agenda
from taskiq_scheduler.missed import LIMIT, ON_TIME

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def schedule(**values: Any) -> ScheduledTask:
    return ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, schedule_id="s", **values)


def sent(agenda: Agenda, now: datetime) -> list[datetime]:
    return [tick for due in agenda.take_due(now) for tick in due.ticks]


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
    agenda, source = Agenda(), InMemoryScheduleSource()
    agenda.replace(source, [schedule(cron="* * * * *", **values)], NOW)

    found = sent(agenda, NOW + timedelta(minutes=5, seconds=30))

    assert found == minutes(*expected)
    assert agenda.first_tick == NOW + timedelta(minutes=6)


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
    agenda, source = Agenda(), InMemoryScheduleSource()
    start = NOW + timedelta(minutes=5, seconds=30)
    agenda.replace(source, [schedule(cron="* * * * *", **values)], start, {"s": NOW})

    assert sent(agenda, start) == minutes(*expected)
    assert agenda.first_tick == NOW + timedelta(minutes=6)


def test_without_a_last_tick_nothing_was_missed() -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()

    agenda.replace(source, [schedule(interval=60, missed="all")], NOW)

    assert sent(agenda, NOW) == []


def test_very_many_ticks_are_made_up_for_in_part() -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()
    agenda.replace(source, [schedule(interval=1, missed="all")], NOW)

    found = sent(agenda, NOW + timedelta(days=365))

    assert len(found) == LIMIT
    assert found[-1] == NOW + timedelta(days=365)
    assert found == sorted(found)


@pytest.mark.parametrize("policy", MissedTicks)
def test_clock_that_is_put_back_repeats_no_tick(policy: MissedTicks) -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()
    each = schedule(interval=60, missed=policy)
    agenda.replace(source, [each], NOW)
    assert sent(agenda, NOW + timedelta(minutes=1)) == minutes(1)

    back = NOW - timedelta(hours=1)
    changed = each.model_copy(update={"args": [1]})
    agenda.replace(source, [changed], back)
    again = [sent(agenda, back + number * 30 * SECOND) for number in range(125)]

    assert [tick for found in again for tick in found] == minutes(2)
    restarted = Agenda()
    restarted.replace(source, [each], back, {"s": NOW + timedelta(minutes=2)})
    assert restarted.first_tick == NOW + timedelta(minutes=3)


def test_last_tick_of_a_clock_that_was_wrong_by_years_is_not_believed() -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()

    agenda.replace(source, [schedule(interval=60)], NOW, {"s": NOW + timedelta(days=10_000)})

    assert agenda.first_tick == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "is_sent"),
    [({}, True), ({"grace": 60}, False), ({"grace": 7200}, True), ({"missed": "skip"}, False)],
)
def test_moment_that_has_passed(values: dict[str, Any], is_sent: bool) -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()
    once = schedule(time=NOW - timedelta(hours=1), **values)
    agenda.replace(source, [once], NOW)

    assert sent(agenda, NOW) == ([once.time] if is_sent else [])

    agenda.replace(source, [once], NOW)
    agenda.replace(source, [once.model_copy(update={"args": [1]})], NOW)
    assert sent(agenda, NOW) == [], "its source may be unable to delete it"
    restarted = Agenda()
    restarted.replace(source, [once], NOW, {"s": NOW - timedelta(hours=1)})
    assert sent(restarted, NOW) == []


def test_paused_schedule_is_not_due_and_goes_on_from_then() -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()
    each = schedule(interval=60, missed="all")
    paused = each.model_copy(update={"enabled": False})
    agenda.replace(source, [paused], NOW, {"s": NOW - timedelta(hours=1)})
    assert agenda.first_tick is None

    agenda.replace(source, [each], NOW + timedelta(minutes=10))
    assert sent(agenda, NOW + timedelta(minutes=11)) == minutes(11)

    agenda.replace(source, [paused], NOW + timedelta(minutes=12))
    assert sent(agenda, NOW + timedelta(minutes=20)) == []
    agenda.replace(source, [each], NOW + timedelta(minutes=20))
    assert sent(agenda, NOW + timedelta(minutes=21)) == minutes(21)


class Oracle:
    """Walks second by second, and keeps all it saw."""

    def __init__(self, period: int, policy: MissedTicks, grace: float | None) -> None:
        self.period, self.policy, self.grace = period, policy, grace
        self.seen = NOW
        self.sent: list[datetime] = []

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
        last = max(self.sent, default=None)
        self.seen = now if last is None else last
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
    agenda, oracle, now = Agenda(), Oracle(period, policy, grace), NOW
    agenda.replace(source, [each], now)

    for seconds, is_restart in steps:
        now += seconds * SECOND
        if is_restart:
            last = max(oracle.sent, default=None)
            agenda = Agenda()
            agenda.replace(source, [each], now, {} if last is None else {"s": last})
            oracle.restart(now)
        assert sent(agenda, now) == oracle.look(now)

    assert len(set(oracle.sent)) == len(oracle.sent), "a tick is sent once"


def test_two_schedules_of_one_id_are_told_and_the_first_is_followed() -> None:
    agenda, source = Agenda(), InMemoryScheduleSource()
    twice = [schedule(cron="* * * * *"), schedule(interval=7)]

    first = agenda.replace(source, twice, NOW)
    again = agenda.replace(source, twice, NOW)

    assert [each.reason for each in first] == ["another schedule of its source has the same id"]
    assert again == []
    assert agenda.first_tick == NOW + timedelta(minutes=1)
    agenda.replace(source, [], NOW)
    assert agenda.first_tick is None
