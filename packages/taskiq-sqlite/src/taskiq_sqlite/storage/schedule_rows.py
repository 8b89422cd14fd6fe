"""Schedules as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.messages.scheduled_task import ScheduledTask, is_new_beginning
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

FORGET_LAST: Final = "DELETE FROM last_ticks WHERE schedule_id = ?"
STORED: Final = """
SELECT CAST(schedule_id AS BLOB), CAST(body AS BLOB), typeof(enabled) <> 'integer' OR enabled
FROM schedules WHERE schedule_id = ?
"""
ALL_STORED: Final = """
SELECT CAST(schedule_id AS BLOB), CAST(body AS BLOB), typeof(enabled) <> 'integer' OR enabled
FROM schedules ORDER BY schedule_id
"""


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule as JSON."""

    schedule_id: str
    body: str
    enabled: bool = True

    @property
    def task(self) -> ScheduledTask:
        """The schedule; the field `enabled` may be newer than the JSON.

        Raises:
            ValueError: the JSON can't be read.
        """
        task = ScheduledTask.model_validate_json(self.body)
        return task.model_copy(update={"enabled": self.enabled})


@each
def put_schedule(transaction: Transaction, schedule: StoredSchedule) -> None:
    """Store a schedule, in place of one with its id."""
    before = _stored(transaction, schedule.schedule_id)
    if before is not None and _is_new_beginning(before, schedule):
        transaction.execute(FORGET_LAST, (schedule.schedule_id,))
    transaction.execute(
        "REPLACE INTO schedules (schedule_id, body, enabled) VALUES (?, ?, ?)",
        (schedule.schedule_id, schedule.body, int(schedule.enabled)),
    )
    transaction.notify(Topic.SCHEDULES)


@each
def drop_schedule(transaction: Transaction, schedule_id: str) -> None:
    """Forget a schedule, but not its claims: a scheduler may still have the schedule in memory."""
    transaction.execute("DELETE FROM schedules WHERE schedule_id = ?", (schedule_id,))
    transaction.notify(Topic.SCHEDULES)
    transaction.execute(FORGET_LAST, (schedule_id,))


@each
def enable(transaction: Transaction, schedule: StoredSchedule) -> bool:
    """Pause a schedule, or let it go on.

    Returns:
        Whether a schedule has the id.
    """
    before = _stored(transaction, schedule.schedule_id)
    if before is None:
        return False
    if schedule.enabled and not before.enabled:
        transaction.execute(FORGET_LAST, (schedule.schedule_id,))
    transaction.execute(
        "UPDATE schedules SET enabled = ? WHERE schedule_id = ?",
        (int(schedule.enabled), schedule.schedule_id),
    )
    transaction.notify(Topic.SCHEDULES)
    return True


def all_schedules(transaction: Transaction, items: Sequence[None]) -> list[list[StoredSchedule]]:
    """Return all schedules in the order of their ids."""
    found = [_schedule(*row) for row in transaction.rows(ALL_STORED)]
    return [found for _ in items]


def revision(transaction: Transaction, items: Sequence[None]) -> list[int]:
    """Return the number of changes so far, of all processes."""
    found = transaction.value("SELECT value FROM schedules_revision") or 0
    return [found for _ in items]


def _stored(transaction: Transaction, schedule_id: str) -> StoredSchedule | None:
    rows = transaction.rows(STORED, (schedule_id,))
    return _schedule(*rows[0]) if rows else None


def _schedule(schedule_id: bytes, body: bytes, enabled: int) -> StoredSchedule:
    return StoredSchedule(shown(schedule_id), shown(body), bool(enabled))


def _is_new_beginning(before: StoredSchedule, after: StoredSchedule) -> bool:
    try:
        return is_new_beginning(before.task, after.task)
    except ValueError:
        return True
