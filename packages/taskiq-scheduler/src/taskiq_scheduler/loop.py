"""SchedulerLoop: sleeps until something is due, and has it sent."""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_scheduler.agenda import Agenda, Due
from taskiq_scheduler.checking import check_schedule
from taskiq_scheduler.clock import Clock, SystemClock
from taskiq_scheduler.missed import LIMIT, is_too_late
from taskiq_scheduler.scheduler import TaskiqScheduler
from taskiq_scheduler.sending import Sender
from taskiq_scheduler.ticks import Sending
from taskiq_scheduler.watching import UPDATE_INTERVAL, Watcher

logger = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 86_400.0
"""Seconds between two looks at the time where nothing is due; a clock may look more often."""
AT_ONCE: Final = 20
"""How many schedules are looked at before what they send is begun."""


class SchedulerLoop:
    """Serves the schedules of a scheduler.

    Args:
        scheduler: whose sources to ask, and who sends.
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
        self.agenda = Agenda(partial(check_schedule, broker=scheduler.broker))
        self._news = asyncio.Event()
        self._sender = Sender(scheduler, self.clock)
        self._watchers = [
            Watcher(
                source,
                self.agenda,
                self.clock,
                on_news=self._news.set,
                on_abandoned=self._make_good,
            )
            for source in scheduler.sources
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
            update_interval: how often sources are asked for their schedules; a minute if it is
                None.
            loop_interval: the shortest time between two looks at what is due; none if it is None,
                as nothing is looked at before it is due.
            skip_first_run: whether to begin with the next full minute.
            send_timeout: seconds that sending a task may take before it is tried again; 30 if it is
                None.
            unstarted: sources to start up before they are asked.
        """
        interval = (update_interval or UPDATE_INTERVAL).total_seconds()
        self._shortest_sleep = 0.0 if loop_interval is None else loop_interval.total_seconds()
        if send_timeout is not None:
            self._sender = Sender(self.scheduler, self.clock, send_timeout)
        if skip_first_run:
            await asyncio.sleep(60 - self.clock.now().timestamp() % 60)
        self._warn_of_sources_that_cannot_claim()
        for watcher in self._watchers:
            watcher.must_start = watcher.source in unstarted
        watching = [asyncio.create_task(each.watch(interval)) for each in self._watchers]
        try:
            while True:
                await self._send_due()
                await self._sleep()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await self._sender.close()

    async def update(self) -> None:
        """Ask every source for its schedules; one that fails keeps those it had."""
        await asyncio.gather(*(each.look() for each in self._watchers))

    def _warn_of_sources_that_cannot_claim(self) -> None:
        names = [type(source).__name__ for source in self.scheduler.sources if not source.can_claim]
        if names:
            logger.warning(
                "Only one scheduler may serve %s: a second one would send each task again",
                ", ".join(names),
            )

    # -- ticks --------------------------------------------------------------------------------

    async def _sleep(self) -> None:
        first = self.agenda.first_tick
        seconds = LONGEST_SLEEP
        if first is not None:
            seconds = min((first - self.clock.now()).total_seconds(), LONGEST_SLEEP)
        await self.clock.wait(self._news, max(seconds, self._shortest_sleep, 0.0))
        self._news.clear()

    async def _send_due(self) -> None:
        now = self.clock.now()
        for number, due in enumerate(self.agenda.take_due(now), start=1):
            if due.ticks != (due.first,):
                _log_missed(due, now)
            self._sender.put(Sending(due.source, due.schedule, tick) for tick in due.ticks)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _make_good(self, source: ScheduleSource, schedule_id: str, tick: datetime) -> bool:
        schedule = self.agenda.find(source, schedule_id)
        if schedule is None or not schedule.enabled:
            return True  # it may come back
        now = self.clock.now()
        if is_too_late(schedule, tick, now):
            _log_missed(Due(source, schedule, tick, ()), now)
            return False
        self._sender.put([Sending(source, schedule, tick, is_abandoned=True)])
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
