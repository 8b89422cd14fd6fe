"""Deliveries that have ended, and counters by minute: kept on request, bounded, added up."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    MinuteCounters,
)
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.errors import DatabaseFileError
from taskiq_sqlite.storage import history_rows

MakeBroker = Callable[..., SQLiteBroker]
NOW = datetime.now(UTC)
MINUTE = NOW.replace(second=0, microsecond=0)


def ended(number: int, **fields: Any) -> DeliveryRecord:
    values = {
        "task_id": str(number),
        "task_name": "t",
        "end": DeliveryEnd.SUCCEEDED,
        "started_at": NOW,
        "ended_at": NOW,
    }
    return DeliveryRecord.model_validate(values | fields)


async def ids(broker: SQLiteBroker, **options: Any) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await broker.deliveries_of_past(after=after, **options)
        found += [each.task_id for each in page.deliveries]
        after = page.after
        if after is None:
            return found


async def test_the_latest_come_first_in_pages(make_broker: MakeBroker) -> None:
    broker = make_broker(history=HistoryOptions())
    await broker.add_history([ended(n) for n in range(5)], [])
    first = await broker.deliveries_of_past(limit=2)
    await broker.add_history([ended(5, error="ValueError: no", worker_id="w")], [])

    rest = await broker.deliveries_of_past(limit=9, after=first.after)

    assert [each.task_id for each in [*first.deliveries, *rest.deliveries]] == list("43210")
    assert rest.after is None
    [latest] = (await make_broker().deliveries_of_past(limit=1)).deliveries  # keeps nothing itself
    assert latest.model_copy(update={"key": ""}) == ended(5, error="ValueError: no", worker_id="w")


async def test_filters(make_broker: MakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rows, "LOOK_THROUGH", 4)
    broker = make_broker(history=HistoryOptions())
    records = [
        ended(n, task_name="rare" if n in (2, 7) else "t", end="failed" if n == 7 else "dead")
        for n in range(12)
    ]
    await broker.add_history(records, [])

    assert await ids(broker, task_name="rare") == ["7", "2"]
    assert await ids(broker, task_name="rare", end=DeliveryEnd.DEAD) == ["2"]
    assert await ids(broker, task_id="9") == ["9"]
    assert await ids(broker, end=DeliveryEnd.LOST) == []


async def test_it_is_bounded_by_count_of_each_queue_and_by_age(make_broker: MakeBroker) -> None:
    broker = make_broker(history=HistoryOptions(max_deliveries=3, max_age=36_000))
    await broker.add_history([ended(n, queue="a") for n in range(5)], [])
    await broker.add_history([ended(n, queue="b") for n in range(5, 7)], [])
    assert sorted(await ids(broker)) == list("23456")

    old = NOW - timedelta(seconds=36_001)
    await broker.add_history([ended(8, queue="c", ended_at=old)], [])

    assert sorted(await ids(broker)) == list("23456")


async def test_counters_are_added_up_and_forgotten(make_broker: MakeBroker) -> None:
    broker, other = make_broker(history=HistoryOptions()), make_broker(history=HistoryOptions())
    one = MinuteCounters(minute=MINUTE, task_name="t", started=2, succeeded=1, ran_sum=0.5)
    one.ran[3] = 1
    earlier = MinuteCounters(minute=MINUTE - timedelta(minutes=1), task_name="t", failed=1)
    too_old = MinuteCounters(minute=MINUTE - timedelta(days=1), task_name="t", failed=1)
    of_another = MinuteCounters(minute=MINUTE, task_name="a", dead=1)

    await broker.add_history([], [one, of_another, earlier, too_old])
    await other.add_history([], [one])

    total = one.model_copy(update={"started": 4, "succeeded": 2, "ran_sum": 1.0})
    total.ran = [2 * count for count in one.ran]
    since = MINUTE - timedelta(days=2)
    assert await broker.minute_counters(since=since) == [earlier, of_another, total]
    assert await broker.minute_counters(since=MINUTE, task_name="t") == [total]


async def test_off_is_the_default(broker: SQLiteBroker, path: Path) -> None:
    assert broker.history is None
    with pytest.raises(CapabilityError, match="its option `history`"):
        await broker.add_history([ended(1)], [])
    assert (await broker.deliveries_of_past()).deliveries == []
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM history").fetchone() == (0,)
    connection.close()


async def test_keys_that_are_not_ours_are_refused(broker: SQLiteBroker) -> None:
    for after in ("", "x", "-1", "9" * 30):
        with pytest.raises(ValueError, match="is not the key of a page of the history"):
            await broker.deliveries_of_past(after=after)


def test_in_a_url_it_is_a_number_of_deliveries(path: Path) -> None:
    broker = SQLiteBroker.from_url(f"sqlite:///{path}?history=500")

    assert broker.history == HistoryOptions(max_deliveries=500)
    for text in ("0", "many"):
        with pytest.raises(DatabaseFileError, match="its option history is"):
            SQLiteBroker.from_url(f"sqlite:///{path}?history={text}")
