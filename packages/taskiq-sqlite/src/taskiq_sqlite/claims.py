"""Claims of ticks in a file: which scheduler sends."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.tick_rows import Tick, TickTables

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class FileClaims:
    """Claims in one pair of tables; the contract is `TickClaims`.

    Args:
        database: the file.
        tables: where they are kept.
        lease: seconds after which another scheduler may claim a tick that was not confirmed.
        memory: seconds for which claims are kept after they were confirmed or ran out.
    """

    def __init__(
        self, database: Database, tables: TickTables, *, lease: float, memory: float
    ) -> None:
        self.claim_lease = lease
        self._database = database
        self._tables = tables
        self._memory = memory

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick; ValueError if it has no time zone."""
        return await self._database.write(self._tables.claim, self._tick(schedule_id, tick))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Keep that a tick was sent; ValueError if it has no time zone."""
        await self._database.write(self._tables.confirm, self._tick(schedule_id, tick))

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed, in UTC; None if no tick was."""
        tick = await self._database.read(self._tables.last_tick, schedule_id)
        return None if tick is None else _moment(tick)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules, in one query."""
        found = await self._database.read(self._tables.last_ticks, schedule_ids)
        return {schedule_id: _moment(tick) for schedule_id, tick in found}

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return the ticks whose claims ran out unconfirmed."""
        found = await self._database.read(self._tables.abandoned, None)
        return [(schedule_id, _moment(tick)) for schedule_id, tick in found]

    def _tick(self, schedule_id: str, tick: datetime) -> Tick:
        if tick.tzinfo is None:
            raise ValueError(
                f"the tick {tick} of schedule {schedule_id!r} has no time zone, give it one: UTC"
            )
        number = (tick - _EPOCH) // _MICROSECOND
        return Tick(schedule_id, number, self.claim_lease, self._memory)


def _moment(tick: int) -> datetime:
    return _EPOCH + tick * _MICROSECOND
