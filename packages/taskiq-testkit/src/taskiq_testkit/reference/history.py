"""History of the reference broker: the contract of `HistoryStore`, as texts in JSON."""

from datetime import datetime
from typing import Any

from taskiq_core.brokers.memory_history import MemoryHistory
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    MinuteCounters,
)


class History:
    """What happened, as any process reports it and asks for it."""

    def __init__(self) -> None:
        self.kept = MemoryHistory()

    def add(self, deliveries: list[str], counters: list[str], *options: Any) -> None:
        """Keep deliveries and counters; the options are those of `HistoryOptions`."""
        self.kept.add(
            list(map(DeliveryRecord.model_validate_json, deliveries)),
            list(map(MinuteCounters.model_validate_json, counters)),
            HistoryOptions(*options),
        )

    def page(self, *facts: Any) -> str:
        """Return a page of deliveries, by task name, task id, end, key and limit."""
        task_name, task_id, end, after, limit = facts
        return self.kept.page(
            task_name=task_name,
            task_id=task_id,
            end=None if end is None else DeliveryEnd(end),
            after=after,
            limit=limit,
        ).model_dump_json()

    def counters(self, since: str, task_name: str | None) -> list[str]:
        """Return the counters of minutes."""
        found = self.kept.counters(since=datetime.fromisoformat(since), task_name=task_name)
        return [each.model_dump_json() for each in found]
