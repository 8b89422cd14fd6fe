# ruff: noqa: S101  # contract tests assert
"""History: deliveries that have ended, and counters by task and minute."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.history import (
    BUCKETS,
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    MinuteCounters,
)
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness

FEW: Final = 10
"""Deliveries that a small history keeps."""
SLACK: Final = 500
"""Deliveries that a store may keep beyond that."""
MOST_PAGES: Final = 100


class HistoryContract(BrokerBase):
    """History."""

    @proves(Capability.HISTORY)
    async def test_history_is_off_by_default(self, harness: BrokerHarness) -> None:
        """Nothing is kept unless it is asked for, so that it costs nothing."""
        broker = harness.broker
        assert broker.history is None

        page = await broker.deliveries_of_past()

        assert (page.deliveries, page.after) == ([], None)
        assert list(await broker.minute_counters(since=_minute() - timedelta(hours=1))) == []

    @proves(Capability.HISTORY)
    async def test_ended_deliveries_are_listed(self, harness: BrokerHarness) -> None:
        """They come back as they were reported, the latest first, in pages that shift nothing."""
        broker = await _with_history(harness)
        records = [record_of(number) for number in range(7)]
        await broker.add_history(records[:3], [])
        await broker.add_history(records[3:], [])
        first = await broker.deliveries_of_past(limit=3)
        await broker.add_history([record_of(7)], [])

        rest = await _all(broker, after=first.after, limit=3)

        found = [*first.deliveries, *rest]
        assert len(first.deliveries) == 3  # noqa: PLR2004  # the limit
        assert len({each.key for each in found}) == len(records)
        plain = [each.model_copy(update={"key": ""}) for each in found]
        assert plain == list(reversed(records))

    @proves(Capability.HISTORY)
    async def test_deliveries_are_chosen(self, harness: BrokerHarness) -> None:
        """Deliveries are chosen by task, message and end, all of them together."""
        broker = await _with_history(harness)
        await broker.add_history([record_of(number) for number in range(6)], [])
        failed, name = DeliveryEnd.FAILED, record_of(0).task_name

        async def numbers(**facts: Any) -> list[str]:
            return [each.task_id for each in await _all(broker, limit=1, **facts)]

        assert await numbers(task_name=name) == ["4", "2", "0"]
        assert await numbers(task_id="3") == ["3"]
        assert await numbers(end=failed) == ["3", "0"]
        assert await numbers(task_name=name, end=failed) == ["0"]
        assert await numbers(task_name="no such task") == []

    @proves(Capability.HISTORY)
    async def test_only_the_latest_are_kept(self, harness: BrokerHarness) -> None:
        """The oldest are forgotten when there are too many."""
        broker = await _with_history(harness, max_deliveries=FEW)
        count = FEW + 2 * SLACK
        for first in range(0, count, 100):
            some = range(first, min(first + 100, count))
            await broker.add_history([record_of(number) for number in some], [])

        found = await _all(broker, limit=200)

        latest = [str(number) for number in reversed(range(count))]
        assert FEW <= len(found) <= FEW + SLACK
        assert [each.task_id for each in found] == latest[: len(found)]

    @proves(Capability.HISTORY)
    async def test_old_deliveries_are_forgotten(self, harness: BrokerHarness) -> None:
        """A delivery is kept for as long as the options say."""
        broker = await _with_history(harness, max_age=3 * harness.tick)
        await broker.add_history([record_of(0)], [])
        await asyncio.sleep(4 * harness.tick)

        await broker.add_history([record_of(1)], [])

        assert "0" not in [each.task_id for each in await _all(broker)]

    @proves(Capability.HISTORY)
    async def test_counters_are_added_up(self, harness: BrokerHarness) -> None:
        """Counters of one task and minute are sums, whichever workers they come from."""
        broker = await _with_history(harness)
        minute = _minute()
        before = minute - timedelta(minutes=2)
        await broker.add_history([], [counters_of(minute, "b"), counters_of(before, "b")])
        await broker.add_history([], [counters_of(minute, "b"), counters_of(minute, "a")])

        found = list(await broker.minute_counters(since=before))

        twice = counters_of(minute, "b").plus(counters_of(minute, "b"))
        assert found == [counters_of(before, "b"), counters_of(minute, "a"), twice]
        recent = await broker.minute_counters(since=before + timedelta(minutes=1))
        assert list(recent) == found[1:]
        of_one = await broker.minute_counters(since=before, task_name="a")
        assert list(of_one) == [counters_of(minute, "a")]

    @proves(Capability.HISTORY)
    async def test_old_counters_are_forgotten(self, harness: BrokerHarness) -> None:
        """The counters of a minute are kept for as long as the options say."""
        broker = await _with_history(harness, counters_age=600.0)
        minute = _minute()
        old = minute - timedelta(hours=1)
        await broker.add_history([], [counters_of(old, "old")])

        await broker.add_history([], [counters_of(minute, "new")])

        found = await broker.minute_counters(since=old)
        assert [each.task_name for each in found] == ["new"]

    @proves(Capability.HISTORY)
    async def test_key_of_no_page_is_refused(self, harness: BrokerHarness) -> None:
        """A text that is not the key of a page is an error, and not the first page."""
        with pytest.raises(ValueError, match="not a key"):
            await harness.broker.deliveries_of_past(after="not a key")


def record_of(number: int) -> DeliveryRecord:
    """Return a delivery that ended now, with every field; odd ones are of another task."""
    now = datetime.now(UTC)
    ended_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return DeliveryRecord(
        task_id=str(number),
        task_name=f"task {number % 2}",
        queue="default",
        worker_id="worker \u4e00",
        attempt=number + 1,
        end=DeliveryEnd.SUCCEEDED if number % 3 else DeliveryEnd.FAILED,
        sent_at=ended_at - timedelta(seconds=2),
        started_at=ended_at - timedelta(seconds=1),
        ended_at=ended_at,
        error=None if number % 3 else "ValueError: no",
        trace_id="0af7651916cd43dd8448eb211c80319c",
    )


def counters_of(minute: datetime, task_name: str) -> MinuteCounters:
    """Return counters of which no two are the same."""
    return MinuteCounters(
        minute=minute,
        task_name=task_name,
        started=15,
        succeeded=8,
        failed=4,
        retried=2,
        dead=1,
        waited=list(range(len(BUCKETS) + 1)),
        ran=list(range(1, len(BUCKETS) + 2)),
        waited_sum=0.5,
        ran_sum=0.25,
    )


def _minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


async def _with_history(harness: BrokerHarness, **options: Any) -> AbstractBroker:
    """Return a broker that keeps history."""
    return await harness.worker_broker(history=HistoryOptions(**options))


async def _all(
    broker: AbstractBroker, *, after: str | None = None, limit: int = 100, **facts: Any
) -> Sequence[DeliveryRecord]:
    """Turn the pages over, from a key to the end."""
    found: list[DeliveryRecord] = []
    for _ in range(MOST_PAGES):
        page = await broker.deliveries_of_past(after=after, limit=limit, **facts)
        assert len(page.deliveries) <= limit
        found += page.deliveries
        after = page.after
        if after is None:
            return found
    raise AssertionError("the pages have no end")
