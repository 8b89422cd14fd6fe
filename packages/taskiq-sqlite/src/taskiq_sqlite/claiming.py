"""Schedules and their ticks as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_sqlite.transaction import Transaction, each

PRUNED: Final = 500
"""Old claims that one claim deletes."""
_MICROSECONDS: Final = 1_000_000

# A claim that was neither confirmed nor made good by another is free again.
CLAIM: Final = """
INSERT INTO claims (schedule_id, tick, until) VALUES (?1, ?2, ?3)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = excluded.until
WHERE claims.until IS NOT NULL AND claims.until <= ?4
"""
CONFIRM: Final = """
INSERT INTO claims (schedule_id, tick, until) VALUES (?, ?, NULL)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = NULL
"""
ADVANCE: Final = """
INSERT INTO last_ticks (schedule_id, tick) VALUES (?, ?)
ON CONFLICT (schedule_id) DO UPDATE SET tick = excluded.tick WHERE excluded.tick > last_ticks.tick
"""
PRUNE: Final = """
DELETE FROM claims WHERE schedule_id = ?1 AND tick IN
    (SELECT tick FROM claims WHERE schedule_id = ?1 AND tick < ?2 LIMIT ?3)
"""
LAST: Final = "SELECT tick FROM last_ticks WHERE schedule_id = ?"


@dataclass(frozen=True, slots=True)
class Tick:
    """One firing of one schedule.

    Attributes:
        tick: its time, in microseconds since the epoch.
        lease: seconds after which another may claim it if it was not confirmed.
        memory: seconds for which claims are kept; older ticks are over.
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


@each
def claim(transaction: Transaction, item: Tick) -> bool:
    """Claim a tick; whether it was free."""
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
    """The tick was sent: nobody may claim it again; claims that are older than all are pruned."""
    transaction.execute(CONFIRM, (item.schedule_id, item.tick))
    transaction.execute(ADVANCE, (item.schedule_id, item.tick))
    forgotten = int((transaction.now - item.memory) * _MICROSECONDS)
    transaction.execute(PRUNE, (item.schedule_id, forgotten, PRUNED))


@each
def last_tick(transaction: Transaction, schedule_id: str) -> int | None:
    """The latest tick that was confirmed."""
    found: int | None = transaction.value(LAST, (schedule_id,))
    return found


@each
def put_schedule(transaction: Transaction, schedule: StoredSchedule) -> None:
    """Keep a schedule, in place of one of the same id."""
    transaction.execute(
        "REPLACE INTO schedules (schedule_id, body, enabled) VALUES (?, ?, ?)",
        (schedule.schedule_id, schedule.body, int(schedule.enabled)),
    )


@each
def drop_schedule(transaction: Transaction, schedule_id: str) -> None:
    """Forget a schedule, but not its claims: a scheduler may have it in memory still."""
    transaction.execute("DELETE FROM schedules WHERE schedule_id = ?", (schedule_id,))


@each
def enable(transaction: Transaction, schedule: StoredSchedule) -> bool:
    """Switch a schedule on or off; whether there is such a schedule."""
    changed = transaction.execute(
        "UPDATE schedules SET enabled = ? WHERE schedule_id = ?",
        (int(schedule.enabled), schedule.schedule_id),
    )
    return changed > 0


def all_schedules(transaction: Transaction, items: Sequence[None]) -> list[list[tuple[str, bool]]]:
    """All schedules in the order of their ids, and whether each is enabled."""
    rows = transaction.rows("SELECT body, enabled FROM schedules ORDER BY schedule_id")
    found = [(body, bool(enabled)) for body, enabled in rows]
    return [found for _ in items]
