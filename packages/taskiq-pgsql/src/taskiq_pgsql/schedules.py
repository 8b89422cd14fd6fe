"""PostgresScheduleSource: schedules in a table, each tick sent by one scheduler."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Self, Unpack

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import (
    ScheduledTask,
    check_new_schedule,
    is_new_beginning,
)
from taskiq_pgsql.claims import PostgresTickClaims, Scope
from taskiq_pgsql.options import (
    CLAIM_MEMORY,
    DEFAULT_URL,
    SCHEDULES_URL,
    read_url,
    require_positive,
)
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import DatabaseSettings, PostgresDatabase, as_database
from taskiq_pgsql.storage.notify import Topic

logger = get_logger(__name__)

ALL: Final = "SELECT schedule_id, body FROM {s}.schedules ORDER BY schedule_id"
UNTIL: Final = """
SELECT schedule_id, body FROM {s}.schedules WHERE due IS NULL OR due <= $1 ORDER BY schedule_id
"""
ONE: Final = "SELECT schedule_id, body FROM {s}.schedules WHERE schedule_id = $1 FOR UPDATE"
PUT: Final = """
INSERT INTO {s}.schedules (schedule_id, due, body) VALUES ($1, $2, $3)
ON CONFLICT (schedule_id) DO UPDATE SET due = excluded.due, body = excluded.body
"""
DROP: Final = "DELETE FROM {s}.schedules WHERE schedule_id = $1"
FORGET_LAST: Final = "DELETE FROM {s}.last_ticks WHERE scope = 'schedules' AND schedule_id = $1"


class PostgresScheduleSource(ScheduleSource):
    """Keeps schedules, and the ticks that were sent; any number of schedulers share it.

    Args:
        url: of the server, or a `PostgresDatabase` to share: that of the broker is
            `broker.database`.
        claim_lease: seconds after which another scheduler may claim a tick whose scheduler died
            before it confirmed the tick.
        claim_memory: seconds for which claims are kept after they were confirmed or ran out.
        options: of `PostgresDatabase`, where `url` is not one.

    Raises:
        PostgresUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    can_claim = True

    def __init__(
        self,
        url: str | PostgresDatabase = DEFAULT_URL,
        *,
        claim_lease: float = 60.0,
        claim_memory: float = CLAIM_MEMORY,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive(
            "PostgresScheduleSource", claim_lease=claim_lease, claim_memory=claim_memory
        )
        self.database, self._is_owner = as_database(url, options)
        self.claim_lease = claim_lease
        self.claim_memory = claim_memory
        self._claims = PostgresTickClaims(
            self.database, Scope.SCHEDULES, lease=claim_lease, memory=claim_memory
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a source for `postgresql://host/database?claim_lease=30`.

        The URL may have `claim_lease`, `claim_memory`, the options of `PostgresDatabase`, and those
        of asyncpg.

        Raises:
            PostgresUrlError: the URL can't be understood.
        """
        address, found = read_url(url, SCHEDULES_URL)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.database.server.address})"

    async def startup(self) -> None:
        """Connect, and create the tables where that is needed and allowed."""
        await self.database.open()

    async def shutdown(self) -> None:
        """Disconnect, unless the database is shared."""
        if self._is_owner:
            await self.database.close()

    # -- schedules ----------------------------------------------------------------------------

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return all schedules; an unreadable one is left out, and logged."""
        return self._read(await self.database.fetch(ALL))

    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        """Return repeated schedules, and schedules that fire once until a moment."""
        return self._read(await self.database.fetch(UNTIL, moment))

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Add a schedule, in place of one with the same id.

        Raises:
            ScheduleRefusedError: it would never fire.
        """
        check_new_schedule(schedule)
        schedule_id = schedule.schedule_id
        async with self.database.connections.main.transaction() as transaction:
            before = self._read(await transaction.fetch(ONE, schedule_id))
            body = schedule.model_dump_json()
            await transaction.fetch(PUT, schedule_id, _moment_of(schedule), body)
            if before and is_new_beginning(before[0], schedule):
                await transaction.fetch(FORGET_LAST, schedule_id)
        self.database.notify(Topic.SCHEDULES)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule and its last tick; does nothing if there is no such schedule."""
        await self._drop(schedule_id)
        self.database.notify(Topic.SCHEDULES)

    def post_send(self, task: ScheduledTask) -> Coroutine[Any, Any, None] | None:
        """Delete a schedule that fires once; schedulers need not hear of it."""
        return None if task.is_repeated else self._drop(task.schedule_id)

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield after each schedule that any process adds or deletes."""
        changed = asyncio.Event()
        listener = self.database.connections.listener
        with listener.listening(Topic.SCHEDULES, lambda _: changed.set()):
            while True:
                await changed.wait()
                changed.clear()
                yield

    async def _drop(self, schedule_id: str) -> None:
        await self.database.fetch(DROP, schedule_id)
        await self.database.fetch(FORGET_LAST, schedule_id)

    def _read(self, rows: Iterable[Record]) -> list[ScheduledTask]:
        schedules: list[ScheduledTask] = []
        for row in rows:
            try:
                schedules.append(ScheduledTask.model_validate_json(row["body"]))
            except ValueError as error:
                logger.error(  # noqa: TRY400  # its row is wrong, not the program
                    "The schedule %s of %r can't be read and is left out: %s",
                    row["schedule_id"],
                    self,
                    error,
                )
        return schedules

    # -- claims -------------------------------------------------------------------------------

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Return whether this scheduler, and no other, is to send the task of this tick."""
        return await self._claims.claim(schedule_id, tick)

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Record that the task of this tick was sent, so that the tick can't be claimed again."""
        await self._claims.confirm(schedule_id, tick)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed."""
        return (await self._claims.last_ticks([schedule_id])).get(schedule_id)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed ticks of schedules, by id."""
        return await self._claims.last_ticks(schedule_ids)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claim ran out before it was confirmed."""
        return await self._claims.abandoned()


def _moment_of(schedule: ScheduledTask) -> datetime | None:
    """Return when a schedule fires that fires once; a naive time is in UTC."""
    if schedule.time is None or schedule.is_repeated:
        return None
    return schedule.time.replace(tzinfo=UTC) if schedule.time.tzinfo is None else schedule.time
