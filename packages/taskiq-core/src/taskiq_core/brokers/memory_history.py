"""MemoryHistory: deliveries that have ended, and counters by minute, in this process."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)


class MemoryHistory:
    """What a `HistoryStore` keeps, for brokers that live in one process.

    Args:
        clock: the present moment, in UTC; tests pass their own.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._deliveries: deque[tuple[int, DeliveryRecord]] = deque()  # oldest first
        self._counters: dict[tuple[datetime, str], MinuteCounters] = {}

    def add(
        self,
        deliveries: Sequence[DeliveryRecord],
        counters: Sequence[MinuteCounters],
        options: HistoryOptions,
    ) -> None:
        """Keep what a worker reports, and forget what is too old or too much.

        Args:
            deliveries: see `HistoryStore.add_history`.
            counters: likewise.
            options: how much is kept.
        """
        for delivery in deliveries:
            number = next(self._numbers)
            self._deliveries.append((number, delivery.model_copy(update={"key": str(number)})))
        for each in counters:
            key = (each.minute, each.task_name)
            known = self._counters.get(key)
            self._counters[key] = each.model_copy() if known is None else known.plus(each)
        self._forget(options)

    def page(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of deliveries, the latest first; see `HistoryStore.deliveries_of_past`.

        Args:
            task_name: only deliveries of this task.
            task_id: only deliveries of this message.
            end: only deliveries with this end.
            after: where the page begins; None for the latest.
            limit: deliveries of the page at most.

        Raises:
            ValueError: `after` is not the key of a page.
        """
        before = None if after is None else _number(after)
        found: list[DeliveryRecord] = []
        for number, delivery in reversed(self._deliveries):
            if (
                (before is None or number < before)
                and task_name in (None, delivery.task_name)
                and task_id in (None, delivery.task_id)
                and end in (None, delivery.end)
            ):
                if len(found) == limit:
                    return HistoryPage(deliveries=found, after=found[-1].key)
                found.append(delivery)
        return HistoryPage(deliveries=found)

    def counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return counters by minute and task; see `HistoryStore.minute_counters`."""
        return [
            self._counters[key].model_copy(deep=True)
            for key in sorted(self._counters)
            if key[0] + timedelta(minutes=1) > since and task_name in (None, key[1])
        ]

    def _forget(self, options: HistoryOptions) -> None:
        now = self._clock()
        oldest = now - timedelta(seconds=options.max_age)
        while self._deliveries and (
            len(self._deliveries) > options.max_deliveries
            or self._deliveries[0][1].ended_at < oldest
        ):
            self._deliveries.popleft()
        first_minute = now - timedelta(seconds=options.counters_age)
        for key in [key for key in self._counters if key[0] < first_minute]:
            del self._counters[key]


def _number(after: str) -> int:
    try:
        return int(after)
    except ValueError:
        raise ValueError(f"{after!r} is not the key of a page of the history") from None
