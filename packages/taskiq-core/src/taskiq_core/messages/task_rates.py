"""TaskRates: the counters of many minutes as rates and quantiles, by task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from taskiq_core.messages.history import BUCKETS, MinuteCounters


@dataclass(frozen=True, slots=True)
class TaskRates:
    """What happened to one task in some minutes.

    Attributes:
        task_name: of the task.
        minutes: how many they are.
        started: deliveries that came to a worker.
        succeeded: deliveries whose task returned.
        failed: deliveries whose task raised, and was not retried.
        retried: deliveries that failed and are to be delivered again.
        dead: deliveries that were buried.
        waited_p50: seconds that half of them waited at most; None if no delivery was counted.
        waited_p95: seconds that 95 of 100 waited at most.
        ran_p50: seconds that half of them ran at most.
        ran_p95: seconds that 95 of 100 ran at most.
    """

    task_name: str
    minutes: float
    started: int
    succeeded: int
    failed: int
    retried: int
    dead: int
    waited_p50: float | None
    waited_p95: float | None
    ran_p50: float | None
    ran_p95: float | None

    @property
    def per_minute(self) -> float:
        """Deliveries that came to a worker in a minute."""
        return self.started / self.minutes


def task_rates(counters: Iterable[MinuteCounters], *, minutes: float) -> list[TaskRates]:
    """Return the rates of each task, by name.

    Args:
        counters: of some minutes.
        minutes: how many they are, minutes in which nothing happened included; above 0.
    """
    by_task: dict[str, list[MinuteCounters]] = {}
    for each in counters:
        by_task.setdefault(each.task_name, []).append(each)
    return [_rates(name, by_task[name], minutes) for name in sorted(by_task)]


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Estimate the value below which a share of a histogram's values lies.

    Values are taken to be spread evenly inside a bucket. Of the last bucket, which has no upper
    bound, the lower bound is returned, as Prometheus does.

    Args:
        counts: by `BUCKETS`.
        share: from 0 to 1.

    Returns:
        Seconds, or None if the histogram is empty.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank = share * total
    below = 0
    for count, (lower, upper) in zip(counts, pairwise((0.0, *BUCKETS)), strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below += count
    return BUCKETS[-1]


def _rates(task_name: str, counters: Sequence[MinuteCounters], minutes: float) -> TaskRates:
    waited = _sums([each.waited for each in counters])
    ran = _sums([each.ran for each in counters])
    return TaskRates(
        task_name=task_name,
        minutes=minutes,
        started=sum(each.started for each in counters),
        succeeded=sum(each.succeeded for each in counters),
        failed=sum(each.failed for each in counters),
        retried=sum(each.retried for each in counters),
        dead=sum(each.dead for each in counters),
        waited_p50=quantile(waited, 0.5),
        waited_p95=quantile(waited, 0.95),
        ran_p50=quantile(ran, 0.5),
        ran_p95=quantile(ran, 0.95),
    )


def _sums(histograms: Sequence[Sequence[int]]) -> list[int]:
    return [sum(bucket) for bucket in zip(*histograms, strict=True)]
