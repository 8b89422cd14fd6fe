"""MemoryHistory: bounded by count and age, in pages that shift nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from taskiq_core.brokers.memory_history import MemoryHistory
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    MinuteCounters,
)

NOW = datetime(2031, 2, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLENTY = HistoryOptions()


class Clock:
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def record(number: int, ended_at: datetime = NOW) -> DeliveryRecord:
    return DeliveryRecord(
        task_id=str(number),
        task_name="even" if number % 2 == 0 else "odd",
        end=DeliveryEnd.SUCCEEDED if number else DeliveryEnd.FAILED,
        started_at=ended_at,
        ended_at=ended_at,
    )


def counters(minute: datetime, task_name: str = "task", **counts: int) -> MinuteCounters:
    return MinuteCounters(minute=minute, task_name=task_name, **counts)  # type: ignore[arg-type]


def ids(history: MemoryHistory, **facts: str) -> list[str]:
    return [each.task_id for each in history.page(**facts).deliveries]  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> MemoryHistory:
    return MemoryHistory(clock)


def test_latest_deliveries_come_first_and_new_ones_shift_nothing(history: MemoryHistory) -> None:
    history.add([record(number) for number in range(4)], [], PLENTY)
    first = history.page(limit=2)
    history.add([record(4)], [], PLENTY)

    rest = history.page(after=first.after, limit=2)

    assert [each.task_id for each in first.deliveries] == ["3", "2"]
    assert [each.task_id for each in rest.deliveries] == ["1", "0"]
    assert rest.after is None


def test_page_that_is_full_at_the_end_is_the_last_one(history: MemoryHistory) -> None:
    history.add([record(number) for number in range(2)], [], PLENTY)

    assert history.page(limit=2).after is None


def test_deliveries_are_chosen(history: MemoryHistory) -> None:
    history.add([record(number) for number in range(4)], [], PLENTY)

    assert ids(history, task_name="odd") == ["3", "1"]
    assert ids(history, task_id="2") == ["2"]
    assert ids(history, end=DeliveryEnd.FAILED) == ["0"]


def test_the_oldest_are_dropped_when_there_are_too_many(history: MemoryHistory) -> None:
    history.add([record(number) for number in range(5)], [], HistoryOptions(max_deliveries=2))

    assert ids(history) == ["4", "3"]


def test_old_deliveries_and_counters_are_dropped(history: MemoryHistory, clock: Clock) -> None:
    options = HistoryOptions(max_age=10.0, counters_age=120.0)
    history.add([record(0)], [counters(NOW)], options)
    clock.now = NOW + 121 * SECOND

    history.add([], [], options)

    assert ids(history) == []
    assert history.counters(since=NOW) == []


def test_counters_of_one_minute_are_added_up_and_not_shared(history: MemoryHistory) -> None:
    mine = counters(NOW, succeeded=2)
    for _ in range(2):
        history.add([], [mine, counters(NOW, "another", failed=1)], PLENTY)

    found = history.counters(since=NOW + 30 * SECOND)

    assert [(each.task_name, each.succeeded, each.failed) for each in found] == [
        ("another", 0, 2),
        ("task", 4, 0),
    ]
    found[1].waited[0] = 99
    assert mine.waited[0] == 0
    assert history.counters(since=NOW, task_name="task")[0].waited[0] == 0
    assert history.counters(since=NOW + 60 * SECOND) == []


def test_text_that_is_not_a_key_is_refused(history: MemoryHistory) -> None:
    with pytest.raises(ValueError, match="'first' is not the key of a page of the history"):
        history.page(after="first")
