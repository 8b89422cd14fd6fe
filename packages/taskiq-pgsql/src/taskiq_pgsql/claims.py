"""PostgresTickClaims: which scheduler sends a tick of a schedule."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from taskiq_pgsql.options import DAY
from taskiq_pgsql.storage.database import PostgresDatabase

PRUNED: Final = 500
"""Old rows that one confirmation deletes of each kind."""
LAST_TICK_MEMORY: Final = 400 * DAY
"""Seconds that last ticks are kept of schedules that are elsewhere: more than a year."""
MOST_ABANDONED: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Scope(StrEnum):
    """Whose ticks these are."""

    BROKER = "broker"
    """Of schedules that are elsewhere, such as labels of tasks."""
    SCHEDULES = "schedules"
    """Of the schedules in the table."""


# A claim that ran out before it was confirmed is free again. A tick whose claim was forgotten is
# not, if a later one of its schedule was confirmed.
CLAIM: Final = """
INSERT INTO {s}.ticks AS t (scope, schedule_id, tick, until)
SELECT $1, $2, $3::bigint, statement_timestamp() + make_interval(secs => $4)
WHERE $3::bigint >= (extract(epoch FROM statement_timestamp()) - $5::float8) * 1000000
    OR NOT EXISTS (SELECT FROM {s}.last_ticks
        WHERE scope = $1 AND schedule_id = $2 AND tick >= $3)
ON CONFLICT (scope, schedule_id, tick) DO UPDATE SET until = excluded.until
WHERE t.until <= statement_timestamp()
RETURNING 1
"""
_CONFIRM_TICK: Final = """
WITH confirmed AS (
    INSERT INTO {s}.ticks (scope, schedule_id, tick, until, confirmed)
    VALUES ($1, $2, $3, NULL, statement_timestamp())
    ON CONFLICT (scope, schedule_id, tick)
    DO UPDATE SET until = NULL, confirmed = excluded.confirmed
)
INSERT INTO {s}.last_ticks AS l (scope, schedule_id, tick, confirmed)
{select}
ON CONFLICT (scope, schedule_id) DO UPDATE
SET tick = greatest(l.tick, excluded.tick), confirmed = excluded.confirmed
"""
CONFIRM: Final = {
    Scope.BROKER: _CONFIRM_TICK.replace("{select}", "SELECT $1, $2, $3, statement_timestamp()"),
    # Not of a schedule that is gone: one that fires once is deleted before its tick is confirmed.
    Scope.SCHEDULES: _CONFIRM_TICK.replace(
        "{select}",
        "SELECT $1, schedule_id, $3, statement_timestamp() FROM {s}.schedules"
        " WHERE schedule_id = $2",
    ),
}
PRUNE: Final = """
WITH done AS (
    DELETE FROM {s}.ticks WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {s}.ticks
        WHERE until IS NULL AND confirmed < statement_timestamp() - make_interval(secs => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED))
), abandoned AS (
    DELETE FROM {s}.ticks WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {s}.ticks
        WHERE until IS NOT NULL AND until < statement_timestamp() - make_interval(secs => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED))
)
DELETE FROM {s}.last_ticks WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.last_ticks
    WHERE scope = 'broker' AND confirmed < statement_timestamp() - make_interval(secs => $3)
    LIMIT $2 FOR UPDATE SKIP LOCKED))
"""
LAST: Final = """
SELECT schedule_id, tick FROM {s}.last_ticks WHERE scope = $1 AND schedule_id = ANY($2::text[])
"""
ABANDONED: Final = """
SELECT schedule_id, tick FROM {s}.ticks
WHERE until IS NOT NULL AND until <= statement_timestamp() AND scope = $1 ORDER BY until LIMIT $2
"""


class PostgresTickClaims:
    """Claims in the tables; the contract is `TickClaims`.

    Args:
        database: has the tables.
        scope: whose ticks.
        lease: seconds after which another scheduler may claim a tick that was not confirmed.
        memory: seconds for which claims are kept after they were confirmed or ran out.
    """

    def __init__(
        self, database: PostgresDatabase, scope: Scope, *, lease: float, memory: float
    ) -> None:
        self.claim_lease = lease
        self._database = database
        self._scope = scope
        self._memory = memory

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick; ValueError if it has no time zone."""
        number = _number(schedule_id, tick)
        values = (self._scope, schedule_id, number, self.claim_lease, self._memory)
        return bool(await self._database.fetch(CLAIM, *values))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick, and forget old ones; ValueError if it has no time zone."""
        number = _number(schedule_id, tick)
        await self._database.fetch(CONFIRM[self._scope], self._scope, schedule_id, number)
        await self._database.fetch(PRUNE, self._memory, PRUNED, LAST_TICK_MEMORY)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules, in one statement."""
        rows = await self._database.fetch(LAST, self._scope, list(schedule_ids))
        return {row["schedule_id"]: _moment(row["tick"]) for row in rows}

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claims ran out unconfirmed, the 10,000 oldest at most."""
        rows = await self._database.fetch(ABANDONED, self._scope, MOST_ABANDONED)
        return [(row["schedule_id"], _moment(row["tick"])) for row in rows]


def _number(schedule_id: str, tick: datetime) -> int:
    if tick.tzinfo is None:
        raise ValueError(
            f"the tick {tick} of schedule {schedule_id!r} has no time zone, give it one: UTC"
        )
    return (tick - _EPOCH) // _MICROSECOND


def _moment(tick: int) -> datetime:
    return _EPOCH + tick * _MICROSECOND
