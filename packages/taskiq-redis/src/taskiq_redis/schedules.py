"""ListRedisScheduleSource: schedules in Redis, each tick sent by one scheduler."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Self

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.asynctools import maybe_awaitable
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import ScheduledTask, check_new_schedule, is_new_beginning
from taskiq_redis.options import SCHEDULE_READERS, SOCKET_TIMEOUT, WEEK, read_url, require_positive
from taskiq_redis.storage.connection import Argument, PipelinedConnection
from taskiq_redis.storage.keys import key_base
from taskiq_redis.storage.pubsub import Subscription
from taskiq_redis.storage.scripts import script
from taskiq_redis.storage.servers import Server, SingleServer
from taskiq_redis.ticks import read_claims, read_last_ticks, tick_number

logger = get_logger(__name__)

KEYS: Final = ("repeated", "once", "due", "claims", "done", "last_ticks")
"""The endings of the keys, in the order in which scripts get them."""
CHUNK: Final = 1_000
"""Schedules of one command at most."""


class ListRedisScheduleSource(ScheduleSource):
    """Keeps schedules and the ticks that were sent; any number of schedulers share it.

    ```
    {schedule}:repeated    hash  schedule id -> JSON, of repeated schedules
    {schedule}:once        hash  schedule id -> JSON, of schedules that fire once
    {schedule}:due         zset  ids of schedules that fire once; the score is when they are due
    {schedule}:claims      zset  id, line feed, tick in microseconds; the score is until when
    {schedule}:done        zset  id, line feed, tick of ticks that were sent; the score is when
    {schedule}:last_ticks  hash  schedule id -> the latest tick that was sent
    {schedule}:changes     channel, of schedules that are added, changed and removed
    ```

    Args:
        url: of the server.
        prefix: the beginning of the keys.
        max_connection_pool_size: not used, one connection is held; for programs written for taskiq
            0.13.
        serializer: for schedules; JSON by pydantic if there is none. Must be the same everywhere.
        buffer_size: not used; for programs written for taskiq 0.13.
        skip_past_schedules: whether to leave out schedules that were to fire once, before this
            object was made.
        claim_lease: seconds after which another scheduler may claim the tick of a scheduler that
            died before it confirmed.
        claim_memory: seconds for which each sent tick is remembered. Older ticks that are not later
            than the last one can't be claimed.
        socket_timeout: seconds without a reply after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections.
    """

    can_claim = True

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        prefix: str = "schedule",
        max_connection_pool_size: int | None = None,
        serializer: TaskiqSerializer | None = None,
        buffer_size: int = 50,
        skip_past_schedules: bool = False,
        *,
        claim_lease: float = 60.0,
        claim_memory: float = WEEK,
        socket_timeout: float = SOCKET_TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        del max_connection_pool_size, buffer_size
        require_positive(self, claim_lease=claim_lease, claim_memory=claim_memory)
        self.server = server or SingleServer(url, **connection_kwargs)
        self.base = key_base(prefix)
        self.claim_lease = claim_lease
        self.claim_memory = claim_memory
        self.socket_timeout = socket_timeout
        self._serializer = serializer
        self._begins = datetime.now(UTC) if skip_past_schedules else None
        self._connections = PerLoop(
            lambda: PipelinedConnection(self.server, self.base, timeout=socket_timeout)
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a source for `redis://host:6379/0?prefix=reports`.

        `prefix`, `claim_lease`, `claim_memory` and `socket_timeout` may be given.
        """
        address, found = read_url(url, SCHEDULE_READERS)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address})"

    async def startup(self) -> None:
        """Connect, so that an unreachable server is noticed at once."""
        await self._connections.get().call("PING")

    async def shutdown(self) -> None:
        """Disconnect; may be called twice."""
        connection = self._connections.pop()
        if connection is not None:
            await connection.close()

    # -- schedules ----------------------------------------------------------------------------

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return all schedules; an unreadable one is left out, and logged."""
        connection = self._connections.get()
        found = await asyncio.gather(
            *(connection.call("HGETALL", f"{self.base}:{each}") for each in ("repeated", "once"))
        )
        return [
            schedule
            for pairs in found
            for schedule in self._read(zip(pairs[::2], pairs[1::2], strict=True))
        ]

    async def get_schedules_until(self, moment: datetime) -> list[ScheduledTask]:
        """Return repeated schedules, and the ones that fire once until a moment."""
        connection = self._connections.get()
        due = ("ZRANGEBYSCORE", f"{self.base}:due", "-inf", moment.timestamp())
        pairs, ids = await asyncio.gather(
            connection.call("HGETALL", f"{self.base}:repeated"), connection.call(*due)
        )
        schedules = self._read(zip(pairs[::2], pairs[1::2], strict=True))
        for first in range(0, len(ids), CHUNK):
            chunk = ids[first : first + CHUNK]
            bodies = await connection.call("HMGET", f"{self.base}:once", *chunk)
            schedules += self._read(
                (each, body) for each, body in zip(chunk, bodies, strict=True) if body is not None
            )
        return schedules

    def _read(self, pairs: Iterable[tuple[bytes, bytes]]) -> list[ScheduledTask]:
        schedules: list[ScheduledTask] = []
        for schedule_id, body in pairs:
            try:
                schedule = self._loaded(body)
            except Exception as error:  # noqa: BLE001  # any serializer, of any bytes
                logger.error(  # noqa: TRY400  # its record is wrong, not the program
                    "The schedule %s of %r can't be read and is left out: %s",
                    schedule_id.decode(errors="replace"),
                    self,
                    error,
                )
                continue
            moment = _moment_of(schedule)
            if self._begins is None or moment is None or moment >= self._begins:
                schedules.append(schedule)
        return schedules

    def _loaded(self, body: bytes) -> ScheduledTask:
        if self._serializer is None:
            return ScheduledTask.model_validate_json(body)
        return ScheduledTask.model_validate(self._serializer.loadb(body))

    def _dumped(self, schedule: ScheduledTask) -> bytes:
        if self._serializer is None:
            return schedule.model_dump_json().encode()
        return self._serializer.dumpb(schedule.model_dump(mode="json"))

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Add a schedule, in place of one with the same id.

        Raises:
            ScheduleRefusedError: it would never fire.
        """
        check_new_schedule(schedule)
        schedule_id = schedule.schedule_id
        connection = self._connections.get()
        found = await asyncio.gather(
            *(
                connection.call("HGET", f"{self.base}:{each}", schedule_id)
                for each in ("repeated", "once")
            )
        )
        before = self._read((schedule_id.encode(), body) for body in found if body is not None)
        begins = bool(before) and is_new_beginning(before[0], schedule)
        moment = _moment_of(schedule)
        due = "" if moment is None else moment.timestamp()
        arguments = (schedule_id, self._dumped(schedule), due, int(begins), self._channel)
        await self._run("add_schedule", *arguments)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule and its last tick; does nothing if there is no such schedule."""
        await self._run("delete_schedule", schedule_id, self._channel)

    async def post_send(self, task: ScheduledTask) -> None:
        """Delete a schedule that fires once."""
        await maybe_awaitable(super().post_send(task))
        if not task.is_repeated:
            await self._run(
                "delete_schedule", task.schedule_id, ""
            )  # schedulers need not hear of it

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield after each schedule that any process adds or deletes, by a subscription of its own.

        Raises:
            RedisUnreachableError: the connection was lost.
            RedisRightsError: the user may not subscribe.
        """
        subscription = Subscription(self.server, self._channel, timeout=self.socket_timeout)
        async with subscription as notices:
            yield
            async for _ in notices:
                yield

    @property
    def _channel(self) -> str:
        return f"{self.base}:changes"

    # -- ticks --------------------------------------------------------------------------------

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Return whether this scheduler, and no other, is to send the task of this tick."""
        return bool(await self._tick("claim_schedule_tick", schedule_id, tick))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Record that the task of this tick was sent, so that the tick can't be claimed again."""
        await self._tick("confirm_schedule_tick", schedule_id, tick)

    async def last_tick(self, schedule_id: str) -> datetime | None:
        """Return the latest tick that was confirmed."""
        return (await self.last_ticks([schedule_id])).get(schedule_id)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed ticks of schedules, by id."""
        ids = list(schedule_ids)
        if not ids:
            return {}
        found = await self._connections.get().call("HMGET", f"{self.base}:last_ticks", *ids)
        return read_last_ticks(ids, found)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claim ran out before it was confirmed."""
        return read_claims(await self._run("abandoned_schedule_ticks"))

    async def _tick(self, name: str, schedule_id: str, tick: datetime) -> Any:
        number = tick_number(schedule_id, tick)
        return await self._run(name, schedule_id, number, self.claim_lease, self.claim_memory)

    async def _run(self, name: str, *arguments: Argument) -> Any:
        keys = [f"{self.base}:{each}" for each in KEYS]
        return await self._connections.get().run(script(name), keys, *arguments)


def _moment_of(schedule: ScheduledTask) -> datetime | None:
    """Return when a schedule fires that fires once; a naive time is in UTC."""
    if schedule.time is None or schedule.is_repeated:
        return None
    return schedule.time.replace(tzinfo=UTC) if schedule.time.tzinfo is None else schedule.time
