"""Series: what happened in each minute of the last hours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from taskiq_core.messages.history import MinuteCounters

HOURS: Final = 8
MINUTE: Final = timedelta(minutes=1)
COUNTED: Final = ("started", "succeeded", "failed", "retried", "dead")


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of each minute, the oldest first.

    Attributes:
        start: the first minute, in UTC.
        counts: by what is counted; a number for each minute.
        waited_mean: seconds that deliveries waited on average; None for a minute without any.
        ran_mean: seconds that they ran on average.
    """

    start: datetime
    counts: dict[str, list[int]] = field(default_factory=dict)
    waited_mean: list[float | None] = field(default_factory=list)
    ran_mean: list[float | None] = field(default_factory=list)


def series_of(counters: Sequence[MinuteCounters], now: datetime) -> Series:
    """Add up the counters of all tasks, minute by minute; minutes without any are 0."""
    last = now.replace(second=0, microsecond=0)
    length = HOURS * 60
    start = last - (length - 1) * MINUTE
    counts = {name: [0] * length for name in COUNTED}
    waited, ran, ended = [0.0] * length, [0.0] * length, [0] * length
    for each in counters:
        place = int((each.minute - start) / MINUTE)
        if not 0 <= place < length:
            continue
        for name in COUNTED:
            counts[name][place] += getattr(each, name)
        waited[place] += each.waited_sum
        ran[place] += each.ran_sum
        ended[place] += sum(each.ran)
    return Series(
        start,
        counts,
        _means(waited, counts["started"]),
        _means(ran, ended),
    )


def _means(sums: Sequence[float], counts: Sequence[int]) -> list[float | None]:
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
