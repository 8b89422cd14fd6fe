"""SQLiteScheduleSource: schedules in a file, each tick sent by one scheduler."""

import os
from collections.abc import AsyncGenerator, Collection, Coroutine
from datetime import datetime
from typing import Any, Final, Self, Unpack

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import ScheduledTask, check_new_schedule
from taskiq_sqlite.claims import FileClaims
from taskiq_sqlite.options import (
    CLAIM_MEMORY,
    DEFAULT_PATH,
    SCHEDULES_URL,
    read_url,
    require_positive,
)
from taskiq_sqlite.storage.database import Database, DatabaseSettings, as_database
from taskiq_sqlite.storage.schedule_rows import (
    StoredSchedule,
    all_schedules,
    drop_schedule,
    enable,
    put_schedule,
    revision,
)
from taskiq_sqlite.storage.tick_rows import OF_SCHEDULES
from taskiq_sqlite.storage.transaction import Topic

logger = get_logger(__name__)

CHANGES_INTERVAL: Final = 1.0
"""Seconds after which to look for changes although no notification came."""


class SQLiteScheduleSource(ScheduleSource):
    """Keeps schedules, and the ticks that were sent; any number of schedulers share it.

    Args:
        path: the file, or a `Database` to share: that of the broker is `broker.database`.
        claim_lease: seconds after which another scheduler may claim a tick whose scheduler died
            before it confirmed the tick.
        claim_memory: seconds for which claims are kept after they were confirmed or ran out. Ticks
            older than that, and not later than the last one sent, can't be claimed any more.
        options: of `Database`, where `path` is not one.

    Raises:
        DatabaseFileError: `path` does not name a file.
        ValueError: an option is out of range.
    """

    can_claim = True

    def __init__(
        self,
        path: str | os.PathLike[str] | Database = DEFAULT_PATH,
        *,
        claim_lease: float = 60.0,
        claim_memory: float = CLAIM_MEMORY,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive(
            "SQLiteScheduleSource", {"claim_lease": claim_lease, "claim_memory": claim_memory}
        )
        self.database, self._is_owner = as_database(path, options)
        self.claim_lease = claim_lease
        self.claim_memory = claim_memory
        self._claims = FileClaims(
            self.database, OF_SCHEDULES, lease=claim_lease, memory=claim_memory
        )
        self._read: dict[str, tuple[StoredSchedule, ScheduledTask | None]] = {}

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a source for `sqlite:///tasks.db`.

        The URL may have `claim_lease`, `claim_memory` and the options of `Database`.

        Raises:
            DatabaseFileError: the URL can't be read.
        """
        path, found = read_url(url, SCHEDULES_URL)
        return cls(path, **{**found, **options})

    async def startup(self) -> None:
        """Open the file; raises DatabaseError if it can't be used."""
        await self.database.open()

    async def shutdown(self) -> None:
        """Close the file, unless it is shared."""
        if self._is_owner:
            await self.database.close()

    # -- schedules ----------------------------------------------------------------------------

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return all schedules; one that can't be read is left out and logged as an error."""
        found = await self.database.read(all_schedules, None)
        before, self._read = self._read, {}
        for stored in found:
            known = before.get(stored.schedule_id)
            if known is None or known[0] != stored:
                known = (stored, _read(stored, self.database))
            self._read[stored.schedule_id] = known
        return [task for _, task in self._read.values() if task is not None]

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Store a schedule, in place of one with its id.

        Raises:
            ScheduleRefusedError: it would never be due.
        """
        check_new_schedule(schedule)
        body = schedule.model_dump_json()
        stored = StoredSchedule(schedule.schedule_id, body, schedule.enabled)
        await self.database.write(put_schedule, stored)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule; does nothing if no schedule has the id."""
        await self.database.write(drop_schedule, schedule_id)

    async def set_enabled(self, schedule_id: str, enabled: bool) -> bool:
        """Set the field `enabled` of a schedule: pause it, or let it go on.

        Ticks that were due while it was paused are not sent later.

        Returns:
            Whether a schedule has the id.
        """
        return await self.database.write(enable, StoredSchedule(schedule_id, "", enabled))

    def post_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Forget a schedule that is due once."""
        if task.is_repeated:
            return None
        return self.delete_schedule(task.schedule_id)

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield when schedules have changed, in any process; also those of older versions."""
        with self.database.wakeup(Topic.SCHEDULES) as wakeup:
            last: int | None = None
            while True:
                wakeup.clear()
                current = await self.database.read(revision, None)
                if current != last:
                    last = current
                    yield
                await wakeup.wait(CHANGES_INTERVAL)

    # -- claims -------------------------------------------------------------------------------

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick for this scheduler.

        Raises:
            ValueError: the tick has no time zone.

        Returns:
            True for one scheduler only, until its claim runs out.
        """
        return await self._claims.claim(schedule_id, tick)

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Keep that a tick was sent: it can't be claimed any more, and may be the last one.

        Raises:
            ValueError: the tick has no time zone.
        """
        await self._claims.confirm(schedule_id, tick)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed, in UTC; None if no tick was."""
        return await self._claims.last_tick(schedule_id)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules, in one query."""
        return await self._claims.last_ticks(schedule_ids)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return the ticks whose claims ran out unconfirmed: their schedulers died."""
        return await self._claims.abandoned()


def _read(stored: StoredSchedule, database: Database) -> ScheduledTask | None:
    try:
        return stored.task
    except ValueError as error:
        logger.error(  # noqa: TRY400  # the row is wrong, not our code
            "Schedule %r in %s can't be read and is left out, delete it or add it anew: %s",
            stored.schedule_id,
            database.path,
            error,
        )
        return None
