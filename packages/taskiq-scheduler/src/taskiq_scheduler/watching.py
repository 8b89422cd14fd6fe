"""Asks one source for its schedules, again and again, whatever happens to it."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_scheduler.agenda import Agenda
from taskiq_scheduler.clock import Clock

logger = logging.getLogger(__name__)

UPDATE_INTERVAL: Final = timedelta(minutes=1)
"""How often sources are asked for their schedules."""
REACH: Final = timedelta(minutes=10)
"""How far ahead schedules are asked for, beyond the next time they are: a source may fail."""
LOAD_TIMEOUT: Final = 120.0
"""Seconds that a source may take to start up, or to list its schedules."""
STOP_TIMEOUT: Final = 5.0
"""Seconds that a source may take to stop."""

Abandoned = Callable[[ScheduleSource, str, datetime], bool]
"""Has a tick sent; False if it is too late for that, so that nobody is to send it any more."""


class Watcher:
    """Keeps the agenda as one source says.

    A source that fails keeps the schedules that it had, and is asked again with growing delays.

    Args:
        source: whom to ask.
        agenda: what to tell.
        clock: what time it is.
        on_news: called when the agenda has changed.
        on_abandoned: called for each tick that another scheduler claimed before it died.
    """

    def __init__(
        self,
        source: ScheduleSource,
        agenda: Agenda,
        clock: Clock,
        *,
        on_news: Callable[[], None],
        on_abandoned: Abandoned,
    ) -> None:
        self.source = source
        self.must_start = False
        self._reach = REACH + UPDATE_INTERVAL
        self._agenda = agenda
        self._clock = clock
        self._on_news = on_news
        self._on_abandoned = on_abandoned

    async def watch(self, interval: float) -> None:
        """Ask every so many seconds; until it is cancelled."""
        failures = 0
        self._reach = REACH + timedelta(seconds=interval)
        while True:
            failures = 0 if await self.look() else failures + 1
            seconds = interval
            if failures:
                seconds = backoff_delay(failures, base=1.0, cap=interval, rng=random)
            await asyncio.sleep(seconds)

    async def look(self) -> bool:
        """Ask once; whether it could be asked."""
        try:
            async with asyncio.timeout(LOAD_TIMEOUT):
                if self.must_start:
                    await self.source.startup()
                    self.must_start = False
                await self._load()
        except Exception as error:  # noqa: BLE001  # any source, any failure of its store
            logger.warning(
                "%s can't be asked for its schedules, those it had stay: %s",
                type(self.source).__name__,
                str(error) or type(error).__name__,
            )
            return False
        return True

    async def _load(self) -> None:
        source, agenda = self.source, self._agenda
        schedules = await source.get_schedules_until(self._clock.now() + self._reach)
        last_ticks: dict[str, datetime] = {}
        if source.can_claim and (new := agenda.unknown(source, schedules)):
            last_ticks = await source.last_ticks([each.schedule_id for each in new])
        for problem in agenda.replace(source, schedules, self._clock.now(), last_ticks):
            logger.error("%s", problem)
        self._on_news()
        if source.can_claim:
            for schedule_id, tick in await source.abandoned():
                if not self._on_abandoned(source, schedule_id, tick):
                    await source.confirm(schedule_id, tick)


async def start_sources(sources: Sequence[ScheduleSource]) -> list[ScheduleSource]:
    """Start sources up; returns those that failed, so that they are tried again later."""
    are_started = await asyncio.gather(*map(_start, sources))
    return [
        source for source, is_started in zip(sources, are_started, strict=True) if not is_started
    ]


async def _start(source: ScheduleSource) -> bool:
    try:
        async with asyncio.timeout(LOAD_TIMEOUT):
            await source.startup()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s can't be started, it is tried again: %s",
            type(source).__name__,
            str(error) or type(error).__name__,
        )
        return False
    return True


async def stop_sources(sources: Sequence[ScheduleSource]) -> None:
    """Stop sources; one that hangs or fails keeps nobody from leaving."""
    await asyncio.gather(*map(_stop, sources))


async def _stop(source: ScheduleSource) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await source.shutdown()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s was not stopped well: %s",
            type(source).__name__,
            str(error) or f"it took longer than {STOP_TIMEOUT:g} s",
        )
