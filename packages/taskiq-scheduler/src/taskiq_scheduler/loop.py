"""SchedulerLoop: sleeps until something is due, and has it sent."""

import asyncio
import contextlib
import logging
import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.flow.backoff import backoff_delay
from taskiq_core.scheduled_task import ScheduledTask
from taskiq_scheduler.agenda import Agenda, Entry
from taskiq_scheduler.errors import SendTimeoutError
from taskiq_scheduler.scheduler import TaskiqScheduler

logger = logging.getLogger(__name__)

UPDATE_INTERVAL: Final = timedelta(minutes=1)
"""How often sources are asked for their schedules."""
SEND_TIMEOUT: Final = 30.0
"""Seconds that sending one task may take before it is tried again."""
SEND_ATTEMPTS: Final = 5
"""How often sending one tick of a cron line or an interval is tried."""
LONGEST_SLEEP: Final = 30.0
"""Seconds after which the clock is looked at again, as it may have been set."""


class SchedulerLoop:
    """Serves the schedules of a scheduler.

    Args:
        scheduler: whose sources to ask, and who sends.
        event_loop: not used; for callers written for taskiq 0.13.
    """

    def __init__(
        self,
        scheduler: TaskiqScheduler,
        *,
        event_loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        del event_loop
        self.scheduler = scheduler
        self.agenda = Agenda()
        self._news = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._shortest_sleep = 0.0

    async def run(
        self,
        *,
        update_interval: timedelta | None = None,
        loop_interval: timedelta | None = None,
        skip_first_run: bool = False,
        send_timeout: float | None = None,
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
        """
        interval = (update_interval or UPDATE_INTERVAL).total_seconds()
        self._shortest_sleep = 0.0 if loop_interval is None else loop_interval.total_seconds()
        if skip_first_run:
            await asyncio.sleep(60 - datetime.now(UTC).timestamp() % 60)
        self._warn_of_sources_that_cannot_claim()
        await self.update()
        updating = asyncio.create_task(self._update_regularly(interval))
        try:
            while True:
                self._send_due(SEND_TIMEOUT if send_timeout is None else send_timeout)
                await self._sleep()
        finally:
            updating.cancel()
            await asyncio.gather(updating, *self._sending, return_exceptions=True)

    async def update(self) -> None:
        """Ask every source for its schedules; one that fails keeps those it had."""
        await asyncio.gather(*map(self._update_source, self.scheduler.sources))

    # -- schedules ----------------------------------------------------------------------------

    async def _update_regularly(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self.update()

    async def _update_source(self, source: ScheduleSource) -> None:
        try:
            schedules = await source.get_schedules()
        except Exception as error:  # noqa: BLE001  # any source, any failure of its store
            logger.warning(
                "%s can't be asked for its schedules, those it had stay: %s",
                type(source).__name__,
                error or type(error).__name__,
            )
            return
        for problem in self.agenda.replace(source, schedules, datetime.now(UTC)):
            logger.error("%s", problem)
        self._news.set()

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
            seconds = min((first - datetime.now(UTC)).total_seconds(), LONGEST_SLEEP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, self._shortest_sleep, 0.0)):
                await self._news.wait()
        self._news.clear()

    def _send_due(self, send_timeout: float) -> None:
        for entry in self.agenda.take_due(datetime.now(UTC)):
            sending = asyncio.create_task(self._send(entry, send_timeout))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def _send(self, entry: Entry, send_timeout: float) -> None:
        """Send the task of one tick, trying again: a one-shot for ever, else a few times."""
        name, schedule_id = entry.schedule.task_name, entry.schedule.schedule_id
        for attempt in count(1):
            try:
                async with asyncio.timeout(send_timeout):
                    await self._send_once(entry)
            except TimeoutError:
                problem: Exception = SendTimeoutError(
                    schedule_id=schedule_id, task_name=name, timeout=send_timeout
                )
            except Exception as error:  # noqa: BLE001  # any broker or source
                problem = error
            else:
                return
            logger.warning("%s (schedule %s) was not sent: %s", name, schedule_id, problem)
            if entry.is_repeated and attempt >= SEND_ATTEMPTS:
                logger.error("%s (schedule %s): this tick is given up", name, schedule_id)
                return
            await asyncio.sleep(backoff_delay(attempt, base=1.0, cap=30.0, rng=random))

    async def _send_once(self, entry: Entry) -> None:
        source, schedule, tick = entry.source, entry.schedule, entry.tick
        if not source.can_claim:
            await self.scheduler.on_ready(source, schedule)
            return
        if not entry.is_claimed:
            if not await source.claim(schedule.schedule_id, tick):
                return  # another scheduler sends it
            entry.is_claimed = True
        await self.scheduler.on_ready(source, with_tick_id(schedule, tick))
        await source.confirm(schedule.schedule_id, tick)


def with_tick_id(schedule: ScheduledTask, tick: datetime) -> ScheduledTask:
    """The schedule with a task id that is the same for every scheduler that sends this tick."""
    if schedule.task_id is not None:
        return schedule
    task_id = uuid5(NAMESPACE_OID, f"{schedule.schedule_id} {tick.timestamp():f}").hex
    return schedule.model_copy(update={"task_id": task_id})
