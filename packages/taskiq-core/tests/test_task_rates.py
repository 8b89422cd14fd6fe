"""Rates and quantiles from counters of minutes."""

from datetime import UTC, datetime

import pytest

from taskiq_core.messages.history import BUCKETS, MinuteCounters
from taskiq_core.messages.task_rates import quantile, task_rates

MINUTE = datetime(2026, 3, 1, 10, 20, tzinfo=UTC)


def counts(**by_bucket: int) -> list[int]:
    found = [0] * (len(BUCKETS) + 1)
    for name, count in by_bucket.items():
        found[int(name.removeprefix("bucket_"))] = count
    return found


@pytest.mark.parametrize(
    ("histogram", "share", "seconds"),
    [
        (counts(), 0.5, None),
        (counts(bucket_0=10), 0.5, 0.0025),
        (counts(bucket_7=10), 1.0, 1.0),
        (counts(bucket_6=5, bucket_7=5), 0.5, 0.5),
        (counts(bucket_6=5, bucket_7=5), 0.75, 0.75),
        (counts(bucket_0=1, bucket_14=1), 0.95, BUCKETS[-1]),
    ],
)
def test_quantile(histogram: list[int], share: float, seconds: float | None) -> None:
    assert quantile(histogram, share) == seconds


def test_minutes_of_a_task_are_joined() -> None:
    later = MINUTE.replace(minute=21)
    rates = task_rates(
        [
            MinuteCounters(minute=MINUTE, task_name="b", started=1),
            MinuteCounters(
                minute=MINUTE, task_name="a", started=2, failed=1, ran=counts(bucket_0=2)
            ),
            MinuteCounters(minute=later, task_name="a", started=4, dead=1, ran=counts(bucket_7=2)),
        ],
        minutes=10,
    )

    assert [each.task_name for each in rates] == ["a", "b"]
    first = rates[0]
    assert (first.started, first.failed, first.dead, first.per_minute) == (6, 1, 1, 0.6)
    assert (first.ran_p50, first.waited_p50) == (0.005, None)
    assert first.ran_p95 == pytest.approx(0.95)
