"""SchedulerLoop: sleeps until a schedule is due, and has its task sent."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.loggers import get_logger
from taskiq_scheduler.claims import SourceClaims, can_claim
from taskiq_scheduler.clock import Clock, SystemClock
from taskiq_scheduler.dispatch import Dispatch, Dispatcher
from taskiq_scheduler.due_queue import Due, DueQueue
from taskiq_scheduler.missed import LIMIT, is_too_late
from taskiq_scheduler.scheduler import TaskiqScheduler
from taskiq_scheduler.source_poller import UPDATE_INTERVAL, SourcePoller

logger = get_logger(__name__)

LONGEST_SLEEP: Final = 86_400.0
"""Seconds between two looks at the time where nothing is due; a clock may look more often."""
AT_ONCE: Final = 20
"""How many due schedules are taken before their sends get a turn."""


class SchedulerLoop:
    """Serves the schedules of a scheduler.

    Args:
        scheduler: has the broker and the sources.
        event_loop: not used; for callers written for taskiq 0.13.
        clock: the system's if it is None; tests pass a virtual one.
    """

    def __init__(
        self,
        scheduler: TaskiqScheduler,
        *,
        event_loop: asyncio.AbstractEventLoop | None = None,
        clock: Clock | None = None,
    ) -> None:
        del event_loop
        self.scheduler = scheduler
        self.clock: Clock = clock or SystemClock()
        self.queue = DueQueue()
        self._loaded = asyncio.Event()
        self._dispatcher = Dispatcher(scheduler, self.clock)
        self._claims = {
            source: SourceClaims(source, scheduler.broker) for source in scheduler.sources
        }
        self._pollers = [
            SourcePoller(
                claims,
                scheduler.broker,
                self.queue,
                self.clock,
                on_loaded=self._loaded.set,
                on_abandoned=self._take_over,
            )
            for claims in self._claims.values()
        ]
        self._shortest_sleep = 0.0

    async def run(
        self,
        *,
        update_interval: timedelta | None = None,
        loop_interval: timedelta | None = None,
        skip_first_run: bool = False,
        send_timeout: float | None = None,
        unstarted: Collection[ScheduleSource] = (),
    ) -> None:
        """Send what is due, until this is cancelled.

        Args:
            update_interval: how often sources are read that do not say when their schedules
                change; a minute if it is None.
            loop_interval: the shortest time between two looks at what is due; none if it is None,
                as nothing is looked at before it is due.
            skip_first_run: whether the cron ticks of the running minute count as sent.
            send_timeout: seconds that sending a task may take before it is tried again; 30 if it is
                None.
            unstarted: sources to start up before they are asked.
        """
        interval = (update_interval or UPDATE_INTERVAL).total_seconds()
        self._shortest_sleep = 0.0 if loop_interval is None else loop_interval.total_seconds()
        if send_timeout is not None:
            self._dispatcher = Dispatcher(self.scheduler, self.clock, send_timeout)
        if skip_first_run:
            self.queue.skip_minute(self.clock.now())
        self._warn_of_sources_that_cannot_claim()
        for poller in self._pollers:
            poller.must_start = poller.source in unstarted
        polling = [asyncio.create_task(each.poll(interval)) for each in self._pollers]
        try:
            while True:
                await self._send_due()
                await self._sleep()
        finally:
            for task in polling:
                task.cancel()
            await asyncio.gather(*polling, return_exceptions=True)
            await self._dispatcher.close()

    async def update(self) -> None:
        """Read every source once; one that fails keeps the schedules that it had."""
        await asyncio.gather(*(each.look() for each in self._pollers))

    @property
    def next_due(self) -> datetime | None:
        """When something is due next, of what `update` has read; None for never."""
        return self.queue.first_tick

    async def send_due(self) -> None:
        """Send what is due now, and return when it was sent; `run` does so by itself."""
        await self._send_due()
        await self._dispatcher.wait_idle()

    def _warn_of_sources_that_cannot_claim(self) -> None:
        broker = self.scheduler.broker
        names = [
            type(source).__name__
            for source in self.scheduler.sources
            if not can_claim(source, broker)
        ]
        if names:
            logger.warning(
                "Only one scheduler may serve %s: a second one would send each task again, as "
                "neither the source nor %s can keep claims",
                ", ".join(names),
                type(broker).__name__,
            )

    # -- ticks --------------------------------------------------------------------------------

    async def _sleep(self) -> None:
        first = self.queue.first_tick
        seconds = LONGEST_SLEEP
        if first is not None:
            seconds = min((first - self.clock.now()).total_seconds(), LONGEST_SLEEP)
        await self.clock.wait(self._loaded, max(seconds, self._shortest_sleep, 0.0))
        self._loaded.clear()

    async def _send_due(self) -> None:
        now = self.clock.now()
        for number, due in enumerate(self.queue.take_due(now), start=1):
            if due.ticks != (due.first,):
                _log_missed(due, now)
            claims = self._claims[due.source]
            self._dispatcher.put(Dispatch(claims, due.schedule, tick) for tick in due.ticks)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _take_over(self, claims: SourceClaims, schedule_id: str, tick: datetime) -> bool:
        schedule = self.queue.find(claims.source, schedule_id)
        if schedule is None or not schedule.enabled:
            return True  # it may come back
        now = self.clock.now()
        if is_too_late(schedule, tick, now):
            _log_missed(Due(claims.source, schedule, tick, ()), now)
            return False
        self._dispatcher.put([Dispatch(claims, schedule, tick, is_abandoned=True)])
        return True


def _log_missed(due: Due, now: datetime) -> None:
    schedule = due.schedule
    name = f"{schedule.task_name} (schedule {schedule.schedule_id})"
    if not due.ticks:
        logger.warning("%s: its ticks from %s to %s are not sent: too late", name, due.first, now)
    elif len(due.ticks) == LIMIT:
        logger.warning("%s missed very many ticks: the latest %d are sent", name, LIMIT)
    else:
        logger.warning("%s: its ticks from %s on were missed", name, due.first)
