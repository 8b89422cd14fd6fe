"""ListRedisScheduleSource: schedules in Redis, each tick sent by one scheduler."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.awaitables import maybe_awaitable
from taskiq_core.scheduled_task import ScheduledTask, is_new_beginning
from taskiq_redis.line import TIMEOUT, Argument, Line
from taskiq_redis.scripts import script
from taskiq_redis.servers import Server, SingleServer
from taskiq_redis.urls import read_url

logger = logging.getLogger(__name__)

URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "prefix": str,
    "claim_lease": float,
    "claim_memory": float,
    "socket_timeout": float,
}
"""Options of `ListRedisScheduleSource` that a URL may have, and what reads their values."""
KEYS: Final = ("repeated", "once", "due", "claims", "done", "last_ticks")
"""What the keys end with, in the order in which scripts get them."""
CHUNK: Final = 1_000
"""Schedules that are asked for in one command."""
WEEK: Final = 7 * 86_400.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class ListRedisScheduleSource(ScheduleSource):
    """Keeps schedules, and which of their ticks were sent; any number of schedulers share it.

    ```
    {schedule}:repeated    hash  schedule id -> JSON, of those that are due again and again
    {schedule}:once        hash  schedule id -> JSON, of those that are due once
    {schedule}:due         zset  ids of the latter; the score is when they are due
    {schedule}:claims      zset  id, line feed, tick in microseconds; the score is until when
    {schedule}:done        zset  the same, of ticks that were sent; the score is when
    {schedule}:last_ticks  hash  schedule id -> the latest tick that was sent
    ```

    Args:
        url: of the server.
        prefix: what its keys begin with.
        claim_lease: seconds after which the claim of a scheduler that died before it confirmed is
            another's.
        claim_memory: seconds for which ticks are known one by one after they were sent. Older ones,
            not later than the last one, can't be claimed.
        socket_timeout: seconds without an answer after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections.
    """

    can_claim = True

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        prefix: str = "schedule",
        *,
        claim_lease: float = 60.0,
        claim_memory: float = WEEK,
        socket_timeout: float = TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        if not claim_lease > 0 or not claim_memory > 0:
            raise ValueError(f"{type(self).__name__}: claim_lease, claim_memory must be above 0")
        self.server = server or SingleServer(url, **connection_kwargs)
        self.base = f"{{{prefix}}}"
        self.claim_lease = claim_lease
        self.claim_memory = claim_memory
        self.socket_timeout = socket_timeout
        self._line: Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A source for `redis://host:6379/0?prefix=reports`.

        `prefix`, `claim_lease`, `claim_memory` and `socket_timeout` may be given.
        """
        address, found = read_url(url, URL_OPTIONS)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address})"

    async def startup(self) -> None:
        """Connect, so that a server that can't be reached is known at once."""
        await self._own_line().call("PING")

    async def shutdown(self) -> None:
        """Hang up; may be called twice."""
        line, self._line = self._line, None
        if line is not None and self._loop is asyncio.get_running_loop():
            await line.close()

    # -- schedules ----------------------------------------------------------------------------

    async def get_schedules(self) -> list[ScheduledTask]:
        """All schedules; one that can't be read is left out, with an error that names it."""
        line = self._own_line()
        found = await asyncio.gather(
            *(line.call("HGETALL", f"{self.base}:{each}") for each in ("repeated", "once"))
        )
        return [
            schedule
            for pairs in found
            for schedule in self._read(zip(pairs[::2], pairs[1::2], strict=True))
        ]

    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        """Those that are due again and again, and those that are due once until a moment."""
        line = self._own_line()
        due = ("ZRANGEBYSCORE", f"{self.base}:due", "-inf", moment.timestamp())
        pairs, ids = await asyncio.gather(
            line.call("HGETALL", f"{self.base}:repeated"), line.call(*due)
        )
        schedules = self._read(zip(pairs[::2], pairs[1::2], strict=True))
        for first in range(0, len(ids), CHUNK):
            chunk = ids[first : first + CHUNK]
            bodies = await line.call("HMGET", f"{self.base}:once", *chunk)
            schedules += self._read(
                (each, body) for each, body in zip(chunk, bodies, strict=True) if body is not None
            )
        return schedules

    def _read(self, pairs: Iterable[tuple[bytes, bytes]]) -> list[ScheduledTask]:
        schedules: list[ScheduledTask] = []
        for schedule_id, body in pairs:
            try:
                schedules.append(ScheduledTask.model_validate_json(body))
            except ValueError as error:
                logger.error(  # noqa: TRY400  # what was written there, no bug of ours
                    "The schedule %s of %r can't be read and is left out: %s",
                    schedule_id.decode(errors="replace"),
                    self,
                    error,
                )
        return schedules

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Keep one more; one of the same id takes the place of the earlier one."""
        schedule_id = schedule.schedule_id
        line = self._own_line()
        found = await asyncio.gather(
            *(
                line.call("HGET", f"{self.base}:{each}", schedule_id)
                for each in ("repeated", "once")
            )
        )
        before = self._read((schedule_id.encode(), body) for body in found if body is not None)
        begins = bool(before) and is_new_beginning(before[0], schedule)
        is_once = schedule.time is not None and not schedule.is_repeated
        moment = _utc(schedule.time).timestamp() if schedule.time and is_once else ""
        body = schedule.model_dump_json().encode()
        await self._run("add_schedule", schedule_id, body, moment, int(begins))

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule, and its last tick; one that is not there is forgotten already."""
        await self._run("delete_schedule", schedule_id)

    async def post_send(self, task: ScheduledTask) -> None:
        """A one-shot schedule is over when it was sent."""
        await maybe_awaitable(super().post_send(task))
        if task.time is not None:
            await self.delete_schedule(task.schedule_id)

    # -- ticks --------------------------------------------------------------------------------

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Whether this scheduler, and no other, is to send the task of this tick."""
        return bool(await self._tick("claim", schedule_id, tick))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """The task of this tick was sent: the tick can't be claimed any more."""
        await self._tick("confirm", schedule_id, tick)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """The latest tick that was confirmed."""
        return (await self.last_ticks([schedule_id])).get(schedule_id)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """The latest ticks of many schedules."""
        ids = list(schedule_ids)
        if not ids:
            return {}
        found = await self._own_line().call("HMGET", f"{self.base}:last_ticks", *ids)
        return {
            schedule_id: _moment(tick)
            for schedule_id, tick in zip(ids, found, strict=True)
            if tick is not None
        }

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Ticks whose claim ran out before it was confirmed."""
        found = await self._run("abandoned")
        pairs = (each.rpartition(b"\n") for each in found)
        return [(schedule_id.decode(), _moment(tick)) for schedule_id, _, tick in pairs]

    async def _tick(self, name: str, schedule_id: str, tick: datetime) -> Any:
        microseconds = (tick - _EPOCH) // _MICROSECOND
        return await self._run(name, schedule_id, microseconds, self.claim_lease, self.claim_memory)

    async def _run(self, name: str, *arguments: Argument) -> Any:
        keys = [f"{self.base}:{each}" for each in KEYS]
        return await self._own_line().run(script(name), keys, *arguments)

    def _own_line(self) -> Line:
        loop = asyncio.get_running_loop()
        if self._line is None or self._loop is not loop:
            self._line = Line(self.server, self.base, timeout=self.socket_timeout)
            self._loop = loop
        return self._line


def _moment(microseconds: bytes) -> datetime:
    return _EPOCH + int(microseconds) * _MICROSECOND


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
