"""Claims of ticks, and the last ticks of schedules, as rows."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Operation, Transaction, each

PRUNED: Final = 500
"""Old rows that one confirmation deletes."""
LAST_TICK_MEMORY: Final = 400 * 86_400.0
"""Seconds that last ticks are kept of schedules that are not in the file: more than a year."""
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tick:
    """One moment at which one schedule is due.

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


# A claim that ran out before it was confirmed is free again.
_CLAIM: Final = """
INSERT INTO {claims} (schedule_id, tick, until) VALUES (?1, ?2, ?3)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = excluded.until
WHERE {claims}.until IS NOT NULL AND {claims}.until <= ?4
"""
_CONFIRM: Final = """
INSERT INTO {claims} (schedule_id, tick, until, confirmed) VALUES (?, ?, NULL, ?)
ON CONFLICT (schedule_id, tick) DO UPDATE SET until = NULL, confirmed = excluded.confirmed
"""
_PRUNE: Final = """
DELETE FROM {claims} WHERE (schedule_id, tick) IN
    (SELECT schedule_id, tick FROM {claims} WHERE until IS NULL AND confirmed < ?1 LIMIT ?2)
"""
# They were not claimed again in all that time: their schedule is gone, or paused.
_PRUNE_ABANDONED: Final = """
DELETE FROM {claims} WHERE (schedule_id, tick) IN
    (SELECT schedule_id, tick FROM {claims} WHERE until IS NOT NULL AND until < ?1 LIMIT ?2)
"""
# Microseconds of the years 1 to 9999: another number is not a point in time.
_LAST: Final = """
SELECT tick FROM {last}
WHERE schedule_id = ? AND tick BETWEEN -62135596800000000 AND 253402300799999999
"""
_LAST_OF_MANY: Final = """
SELECT schedule_id, tick FROM {last}
WHERE schedule_id IN (SELECT value FROM json_each(?))
    AND tick BETWEEN -62135596800000000 AND 253402300799999999
"""
_ABANDONED: Final = """
SELECT CAST(schedule_id AS BLOB), tick FROM {claims}
WHERE until IS NOT NULL AND until <= ?
    AND tick BETWEEN -62135596800000000 AND 253402300799999999
ORDER BY until
"""


class TickTables:
    """The operations on the claims and last ticks of one kind of schedules.

    Args:
        claims: the table of claims.
        last: the table of last ticks.
        advance: the statement that keeps the last tick: ?1 is the schedule, ?2 the tick, ?3 now.
        prune_last: the statement that forgets some last ticks that were confirmed before ?1.
    """

    def __init__(
        self, claims: str, last: str, *, advance: str, prune_last: str | None = None
    ) -> None:
        self.claim_sql = _CLAIM.format(claims=claims)
        self.confirm_sql = _CONFIRM.format(claims=claims)
        self.prune_sql = _PRUNE.format(claims=claims)
        self.prune_abandoned_sql = _PRUNE_ABANDONED.format(claims=claims)
        self.abandoned_sql = _ABANDONED.format(claims=claims)
        self.last_sql = _LAST.format(last=last)
        self.last_of_many_sql = _LAST_OF_MANY.format(last=last)
        self.advance_sql = advance
        self.prune_last_sql = prune_last
        self.claim: Operation[Tick, bool] = each(self._claim)
        self.confirm: Operation[Tick, None] = each(self._confirm)
        self.last_tick: Operation[str, int | None] = each(self._last_tick)
        self.last_ticks: Operation[Collection[str], list[tuple[str, int]]] = each(self._last_ticks)

    def abandoned(
        self, transaction: Transaction, items: Sequence[None]
    ) -> list[list[tuple[str, int]]]:
        """Return the claims that ran out before they were confirmed."""
        rows = transaction.rows(self.abandoned_sql, (transaction.now,))
        found = [(shown(schedule_id), tick) for schedule_id, tick in rows]
        return [found for _ in items]

    def _claim(self, transaction: Transaction, item: Tick) -> bool:
        """Claim a tick, if it is free."""
        now = transaction.now
        forgotten = int((now - item.memory) * _MICROSECONDS)
        if item.tick < forgotten:
            last = transaction.value(self.last_sql, (item.schedule_id,))
            if last is not None and item.tick <= last:
                return False
        values = (item.schedule_id, item.tick, now + item.lease, now)
        return transaction.execute(self.claim_sql, values) > 0

    def _confirm(self, transaction: Transaction, item: Tick) -> None:
        """Keep that a tick was sent; prune old claims of all schedules."""
        now = transaction.now
        transaction.execute(self.confirm_sql, (item.schedule_id, item.tick, now))
        transaction.execute(self.advance_sql, (item.schedule_id, item.tick, now))
        transaction.execute(self.prune_sql, (now - item.memory, PRUNED))
        transaction.execute(self.prune_abandoned_sql, (now - item.memory, PRUNED))
        if self.prune_last_sql is not None:
            transaction.execute(self.prune_last_sql, (now - LAST_TICK_MEMORY, PRUNED))

    def _last_tick(self, transaction: Transaction, schedule_id: str) -> int | None:
        found: int | None = transaction.value(self.last_sql, (schedule_id,))
        return found

    def _last_ticks(
        self, transaction: Transaction, schedule_ids: Collection[str]
    ) -> list[tuple[str, int]]:
        found: list[tuple[str, int]]
        found = transaction.rows(self.last_of_many_sql, (json.dumps([*schedule_ids]),))
        return found


OF_SCHEDULES: Final = TickTables(
    "claims",
    "last_ticks",
    # Not of a schedule that is gone: one that is due once is deleted before its tick is confirmed.
    advance="""
        INSERT INTO last_ticks (schedule_id, tick)
        SELECT schedule_id, ?2 FROM schedules WHERE schedule_id = ?1 AND ?3
        ON CONFLICT (schedule_id) DO UPDATE SET tick = excluded.tick
        WHERE excluded.tick > last_ticks.tick OR typeof(last_ticks.tick) <> 'integer'
    """,
)
"""Of the schedules in the file."""
OF_BROKER: Final = TickTables(
    "broker_claims",
    "broker_last_ticks",
    advance="""
        INSERT INTO broker_last_ticks (schedule_id, tick, confirmed) VALUES (?1, ?2, ?3)
        ON CONFLICT (schedule_id) DO UPDATE
        SET tick = max(tick, excluded.tick), confirmed = excluded.confirmed
    """,
    prune_last="""
        DELETE FROM broker_last_ticks WHERE schedule_id IN
            (SELECT schedule_id FROM broker_last_ticks WHERE confirmed < ?1 LIMIT ?2)
    """,
)
"""Of schedules that are elsewhere, such as the labels of tasks."""
