"""Schedules and their ticks as rows."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.messages.scheduled_task import ScheduledTask, is_new_beginning
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Transaction, each

PRUNED: Final = 500
"""Old claims that one claim deletes."""
_MICROSECONDS: Final = 1_000_000

# A claim that ran out before it was confirmed is free again.
CLAIM: Final = """
INSERT INTO claims (schedule_id, tick, until) VALUES (?1, ?2, ?3)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = excluded.until
WHERE claims.until IS NOT NULL AND claims.until <= ?4
"""
CONFIRM: Final = """
INSERT INTO claims (schedule_id, tick, until, confirmed) VALUES (?, ?, NULL, ?)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = NULL, confirmed = excluded.confirmed
"""
# Not of a schedule that is gone: one that is due once is deleted before its tick is confirmed.
ADVANCE: Final = """
INSERT INTO last_ticks (schedule_id, tick)
SELECT schedule_id, ?2 FROM schedules WHERE schedule_id = ?1
ON CONFLICT (schedule_id) DO UPDATE SET tick = excluded.tick
WHERE excluded.tick > last_ticks.tick OR typeof(last_ticks.tick) <> 'integer'
"""
PRUNE: Final = """
DELETE FROM claims WHERE (schedule_id, tick) IN
    (SELECT schedule_id, tick FROM claims WHERE until IS NULL AND confirmed < ?1 LIMIT ?2)
"""
# They were not claimed again in all that time: their schedule is gone, or paused.
PRUNE_ABANDONED: Final = """
DELETE FROM claims WHERE (schedule_id, tick) IN
    (SELECT schedule_id, tick FROM claims WHERE until IS NOT NULL AND until < ?1 LIMIT ?2)
"""
# Microseconds of the years 1 to 9999: another number is not a point in time.
LAST: Final = """
SELECT tick FROM last_ticks
WHERE schedule_id = ? AND tick BETWEEN -62135596800000000 AND 253402300799999999
"""
LAST_OF_MANY: Final = """
SELECT schedule_id, tick FROM last_ticks
WHERE schedule_id IN (SELECT value FROM json_each(?))
    AND tick BETWEEN -62135596800000000 AND 253402300799999999
"""
FORGET_LAST: Final = "DELETE FROM last_ticks WHERE schedule_id = ?"
ABANDONED: Final = """
SELECT CAST(schedule_id AS BLOB), tick FROM claims
WHERE until IS NOT NULL AND until <= ?
    AND tick BETWEEN -62135596800000000 AND 253402300799999999
ORDER BY until
"""
STORED: Final = """
SELECT CAST(schedule_id AS BLOB), CAST(body AS BLOB), typeof(enabled) <> 'integer' OR enabled
FROM schedules WHERE schedule_id = ?
"""
ALL_STORED: Final = """
SELECT CAST(schedule_id AS BLOB), CAST(body AS BLOB), typeof(enabled) <> 'integer' OR enabled
FROM schedules ORDER BY schedule_id
"""


@dataclass(frozen=True, slots=True)
class Tick:
    """One moment at which a schedule is due.

    Attributes:
        schedule_id: of the schedule.
        tick: the moment, in microseconds since the epoch.
        lease: seconds after which another scheduler may claim it if it was not confirmed.
        memory: seconds for which claims are kept after they were confirmed or ran out.
    """

    schedule_id: str
    tick: int
    lease: float
    memory: float


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
def claim(transaction: Transaction, item: Tick) -> bool:
    """Claim a tick, if it is free."""
    now = transaction.now
    forgotten = int((now - item.memory) * _MICROSECONDS)
    if item.tick < forgotten:
        last = transaction.value(LAST, (item.schedule_id,))
        if last is not None and item.tick <= last:
            return False
    values = (item.schedule_id, item.tick, now + item.lease, now)
    return transaction.execute(CLAIM, values) > 0


@each
def confirm(transaction: Transaction, item: Tick) -> None:
    """Keep that a tick was sent; prune old claims of all schedules."""
    transaction.execute(CONFIRM, (item.schedule_id, item.tick, transaction.now))
    transaction.execute(ADVANCE, (item.schedule_id, item.tick))
    forgotten = transaction.now - item.memory
    transaction.execute(PRUNE, (forgotten, PRUNED))
    transaction.execute(PRUNE_ABANDONED, (forgotten, PRUNED))


@each
def last_tick(transaction: Transaction, schedule_id: str) -> int | None:
    """Return the latest tick that was confirmed."""
    found: int | None = transaction.value(LAST, (schedule_id,))
    return found


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


@each
def drop_schedule(transaction: Transaction, schedule_id: str) -> None:
    """Forget a schedule, but not its claims: a scheduler may still have the schedule in memory."""
    transaction.execute("DELETE FROM schedules WHERE schedule_id = ?", (schedule_id,))
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
    return True


def all_schedules(transaction: Transaction, items: Sequence[None]) -> list[list[StoredSchedule]]:
    """Return all schedules in the order of their ids."""
    found = [_schedule(*row) for row in transaction.rows(ALL_STORED)]
    return [found for _ in items]


@each
def last_ticks(transaction: Transaction, schedule_ids: Collection[str]) -> list[tuple[str, int]]:
    """Return the latest ticks of many schedules."""
    found: list[tuple[str, int]]
    found = transaction.rows(LAST_OF_MANY, (json.dumps([*schedule_ids]),))
    return found


def abandoned(transaction: Transaction, items: Sequence[None]) -> list[list[tuple[str, int]]]:
    """Return the claims that ran out before they were confirmed."""
    rows = transaction.rows(ABANDONED, (transaction.now,))
    found = [(shown(schedule_id), tick) for schedule_id, tick in rows]
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
