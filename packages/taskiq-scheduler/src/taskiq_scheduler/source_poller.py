"""Reads the schedules of one source, again and again, and whenever it says that they changed."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.claims import SourceClaims
from taskiq_scheduler.clock import Clock
from taskiq_scheduler.due_queue import DueQueue
from taskiq_scheduler.lifecycle import START_TIMEOUT

logger = get_logger(__name__)

UPDATE_INTERVAL: Final = timedelta(minutes=1)
"""How often a source is read that does not say when its schedules change."""
REACH: Final = timedelta(minutes=10)
"""How far ahead schedules are read, beyond the next time they are: a source may fail."""
CHANGE_DELAY: Final = 0.1
"""Seconds from a change to the look at it, so that many changes are one look."""
CHANGE_LOAD: Final = 5
"""How many times longer than a look the delay is at least, where a source is slow to read."""

TakeOver = Callable[[SourceClaims, str, datetime], bool]
"""Has an abandoned tick of a schedule id sent; False if it is too late for that."""


class SourcePoller:
    """Keeps the due queue in step with one source.

    A source that fails keeps the schedules that it had, and is asked again with growing delays.

    Args:
        claims: of the source's ticks.
        broker: whose tasks the schedules should name.
        queue: where the schedules are entered.
        clock: what time it is.
        on_loaded: called when the queue has changed.
        on_abandoned: called for each tick that another scheduler claimed before it died.
    """

    def __init__(
        self,
        claims: SourceClaims,
        broker: AsyncBroker,
        queue: DueQueue,
        clock: Clock,
        *,
        on_loaded: Callable[[], None],
        on_abandoned: TakeOver,
    ) -> None:
        self.source = claims.source
        self.must_start = False
        self._claims = claims
        self._broker = broker
        self._queue = queue
        self._clock = clock
        self._on_loaded = on_loaded
        self._on_abandoned = on_abandoned
        self._reach = REACH + UPDATE_INTERVAL
        self._changed = asyncio.Event()
        self._unknown_tasks: set[str] = set()

    async def poll(self, interval: float) -> None:
        """Read the source at every change, and each so many seconds, until this is cancelled."""
        self._reach = REACH + timedelta(seconds=interval)
        listening: asyncio.Task[None] | None = None
        failures = 0
        try:
            while True:
                self._changed.clear()
                began = self._clock.monotonic()
                failures = 0 if await self.look() else failures + 1
                if failures:
                    await asyncio.sleep(backoff_delay(failures, base=1.0, cap=interval, rng=random))
                    continue
                listening = listening or asyncio.create_task(self._listen())
                took = self._clock.monotonic() - began
                await self._wait_for_change(interval, max(CHANGE_DELAY, CHANGE_LOAD * took))
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def look(self) -> bool:
        """Read the source once.

        Returns:
            Whether it could be read.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT):
                if self.must_start:
                    await self.source.startup()
                    self.must_start = False
                await self._load()
        except Exception as error:  # noqa: BLE001  # any source, any failure of its store
            logger.warning(
                "%s can't be asked for its schedules, those it had stay: %s",
                type(self.source).__name__,
                reason_of(error),
            )
            return False
        return True

    async def _load(self) -> None:
        source, queue = self.source, self._queue
        schedules = await source.get_schedules_until(self._clock.now() + self._reach)
        last_ticks = await self._claims.last_ticks(queue.unknown(source, schedules))
        for problem in queue.replace(source, schedules, self._clock.now(), last_ticks):
            logger.error("%s", problem)
        self._warn_of_unknown_tasks(schedules)
        self._on_loaded()
        by_id = {each.schedule_id: each for each in schedules}
        for schedule_id, tick in await self._claims.abandoned(schedules):
            is_sent = self._on_abandoned(self._claims, schedule_id, tick)
            if not is_sent and (schedule := by_id.get(schedule_id)) is not None:
                await self._claims.confirm(schedule, tick)

    def _warn_of_unknown_tasks(self, schedules: list[ScheduledTask]) -> None:
        if not self._broker.get_all_tasks():
            return  # a scheduler that only sends, by name
        for schedule in schedules:
            name = schedule.task_name
            if name in self._unknown_tasks or self._broker.find_task(name) is not None:
                continue
            self._unknown_tasks.add(name)
            logger.warning(
                "%s (schedule %s) is sent, but the broker has no such task here. If no worker has "
                "it either, correct the name; else name the module that declares it as an argument "
                "of the command, or give -fsd",
                name,
                schedule.schedule_id,
            )

    # -- changes ------------------------------------------------------------------------------

    async def _wait_for_change(self, interval: float, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await self._changed.wait()
                await asyncio.sleep(delay)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with aclosing(self.source.changes()) as changes:
                    async for _ in changes:
                        failures = 0
                        self._changed.set()
            except Exception as error:  # noqa: BLE001  # any source, any failure of its store
                failures += 1
                logger.warning(
                    "%s can't say when its schedules change, until then it is read each update "
                    "interval: %s",
                    type(self.source).__name__,
                    reason_of(error),
                )
                await asyncio.sleep(backoff_delay(failures, base=1.0, cap=60.0, rng=random))
            else:
                return  # it does not say
