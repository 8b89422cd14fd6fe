"""Ended deliveries and counters by minute as rows; old ones are dropped as new ones come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Transaction, each

LOOK_THROUGH: Final = 2_000
"""Deliveries that one page of a filter looks through."""
MAX_PAGE: Final = 1_000
"""Deliveries of one page."""
DROPPED: Final = 1_000
"""Old rows that one call drops of each table, beside as many as it adds."""

_ADD: Final = "INSERT INTO history (queue, task_id, task_name, ending, ended_at, body)"
DROP_BY_AGE: Final = """
DELETE FROM history WHERE id IN (SELECT id FROM history WHERE ended_at <= ? LIMIT ?)
"""
DROP_BY_COUNT: Final = """
DELETE FROM history WHERE id IN (SELECT id FROM history WHERE queue = ?1
    AND id <= (SELECT id FROM history WHERE queue = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
    ORDER BY id LIMIT ?3)
"""
DROP_COUNTERS: Final = "DELETE FROM minute_counters WHERE minute < ?"
_PAST: Final = """
SELECT id, CAST(task_name AS BLOB), CAST(ending AS BLOB), CAST(body AS BLOB) FROM history
WHERE id < ? {condition} ORDER BY id DESC LIMIT ?
"""
PAST: Final = _PAST.format(condition="")
PAST_OF_TASK: Final = _PAST.format(condition="AND task_id = ?")
COUNTERS: Final = (
    "SELECT CAST(body AS BLOB) FROM minute_counters WHERE minute = ? AND task_name = ?"
)
COUNTERS_SINCE: Final = """
SELECT CAST(body AS BLOB) FROM minute_counters WHERE minute > ? ORDER BY minute, task_name
"""
_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Additions:
    """What a worker has to tell.

    Attributes:
        deliveries: that have ended.
        counters: to be added to those of the file.
        options: how much is kept.
    """

    deliveries: Sequence[DeliveryRecord]
    counters: Sequence[MinuteCounters]
    options: HistoryOptions


@dataclass(frozen=True, slots=True)
class PastRequest:
    """The deliveries that are wanted; `HistoryStore.deliveries_of_past` explains them."""

    task_name: str | None
    task_id: str | None
    end: DeliveryEnd | None
    after: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class CountersRequest:
    """The counters that are wanted: from a minute on, of one task or of all."""

    since: datetime
    task_name: str | None


@each
def add(transaction: Transaction, additions: Additions) -> None:
    """Keep deliveries and counters, and drop what is too old or too much."""
    records, now = additions.deliveries, transaction.now
    transaction.insert(_ADD, [_row(record) for record in records])
    for counters in additions.counters:
        _add_counters(transaction, counters)
    most = additions.options.max_deliveries
    for queue in {record.queue for record in records}:
        transaction.execute(DROP_BY_COUNT, (queue, most, len(records) + DROPPED))
    transaction.execute(DROP_BY_AGE, (now - additions.options.max_age, len(records) + DROPPED))
    transaction.execute(DROP_COUNTERS, (now - additions.options.counters_age,))


@each
def past(transaction: Transaction, request: PastRequest) -> HistoryPage:
    """Return a page of deliveries, the latest first."""
    limit = max(1, min(request.limit, MAX_PAGE))
    is_filtered = request.task_name is not None or request.end is not None
    look = LOOK_THROUGH if is_filtered else limit
    before = parse_key(request.after)
    if request.task_id is None:
        rows = transaction.rows(PAST, (before, look + 1))
    else:
        rows = transaction.rows(PAST_OF_TASK, (before, request.task_id, look + 1))
    found: list[DeliveryRecord] = []
    last = 0
    for number, task_name, ending, body in rows[:look]:
        last += 1
        if request.task_name not in (None, shown(task_name)):
            continue
        if request.end is not None and request.end.value != shown(ending):
            continue
        record = DeliveryRecord.model_validate_json(body)
        found.append(record.model_copy(update={"key": str(number)}))
        if len(found) == limit:
            break
    return HistoryPage(deliveries=found, after=str(rows[last - 1][0]) if last < len(rows) else None)


@each
def counters_since(transaction: Transaction, request: CountersRequest) -> list[MinuteCounters]:
    """Return counters by minute and name."""
    rows = transaction.rows(COUNTERS_SINCE, (request.since.timestamp() - 60.0,))
    found = [MinuteCounters.model_validate_json(row[0]) for row in rows]
    return [each for each in found if request.task_name in (None, each.task_name)]


def parse_key(after: str | None) -> int:
    """Return the number that a page ends before.

    Raises:
        ValueError: it is not the key of a page.
    """
    if after is None:
        return _NEWEST
    if not after.isdecimal() or int(after) > _NEWEST:
        raise ValueError(f"{after!r} is not the key of a page of the history")
    return int(after)


def _row(record: DeliveryRecord) -> tuple[str, str, str, str, float, str]:
    ended_at = record.ended_at.timestamp()
    body = record.model_dump_json()
    return (record.queue, record.task_id, record.task_name, record.end.value, ended_at, body)


def _add_counters(transaction: Transaction, counters: MinuteCounters) -> None:
    key = (counters.minute.timestamp(), counters.task_name)
    body = transaction.value(COUNTERS, key)
    if body is not None:
        counters = MinuteCounters.model_validate_json(body).plus(counters)
    transaction.execute(
        "REPLACE INTO minute_counters (minute, task_name, body) VALUES (?, ?, ?)",
        (*key, counters.model_dump_json()),
    )
