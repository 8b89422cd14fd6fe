"""Has ticks sent: those of one schedule in order, trying again until it is too late."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable
from itertools import count
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.messages.scheduled_task import MissedTicks
from taskiq_scheduler.clock import Clock
from taskiq_scheduler.delivering import Deliverer
from taskiq_scheduler.missed import LIMIT, is_too_late
from taskiq_scheduler.scheduler import TaskiqScheduler
from taskiq_scheduler.ticks import Sending

logger = logging.getLogger(__name__)

SEND_TIMEOUT: Final = 30.0
"""Seconds that sending one task may take before it is tried again."""
LONGEST_BACKOFF: Final = 30.0
"""Seconds between two tries, at most."""

Lane = deque[Sending]
_Key = tuple[ScheduleSource, str]


class Sender:
    """Sends ticks: schedules at the same time, the ticks of one schedule one after another.

    A tick that can't be sent is tried again, with growing delays, until its grace is over or, where
    only the latest tick matters, until the next one is due.

    Args:
        scheduler: sends.
        clock: tells what is too late.
        send_timeout: seconds that a try may take.
    """

    def __init__(
        self, scheduler: TaskiqScheduler, clock: Clock, send_timeout: float = SEND_TIMEOUT
    ) -> None:
        self._clock = clock
        self._send_timeout = send_timeout
        self._deliverer = Deliverer(scheduler, clock, send_timeout)
        self._lanes: dict[_Key, Lane] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def put(self, sendings: Iterable[Sending]) -> None:
        """Have ticks of one schedule sent, after those that it has under way."""
        for sending in sendings:
            key = (sending.source, sending.schedule.schedule_id)
            lane = self._lanes.get(key)
            if lane is not None:
                _join(lane, sending)
                continue
            self._lanes[key] = lane = deque([sending])
            running = asyncio.create_task(self._drain(key, lane))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Let what is being sent come to its end, and try nothing again."""
        self._closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=self._send_timeout)
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _drain(self, key: _Key, lane: Lane) -> None:
        try:
            while lane and not self._closing.is_set():
                await self._see_through(lane)
                lane.popleft()
        finally:
            del self._lanes[key]

    async def _see_through(self, lane: Lane) -> None:
        """Send the first tick of a lane, or give it up."""
        sending = lane[0]
        for attempt in count(1):
            try:
                await self._deliverer.deliver(sending)
            except Exception as error:  # noqa: BLE001  # any broker or source
                problem = str(error) or type(error).__name__
            else:
                return
            logger.warning(
                "%s was sent, but its source can't be told: %s"
                if sending.is_sent
                else "%s was not sent: %s",
                sending.name,
                problem,
            )
            if (reason := self._why_give_up(lane)) is not None:
                logger.error("%s: its tick %s is given up: %s", sending.name, sending.tick, reason)
                await self._deliverer.forget(sending)
                return
            delay = backoff_delay(attempt, base=1.0, cap=LONGEST_BACKOFF, rng=random)
            await self._clock.wait(self._closing, delay)
            if self._closing.is_set():
                return

    def _why_give_up(self, lane: Lane) -> str | None:
        sending = lane[0]
        if sending.is_sent:
            return None
        if is_too_late(sending.schedule, sending.tick, self._clock.now()):
            return "it is later than its grace allows"
        if len(lane) > 1 and sending.schedule.missed is not MissedTicks.ALL:
            return "a later one takes its place"
        return None


def _join(lane: Lane, sending: Sending) -> None:
    if any(each.tick == sending.tick for each in lane):
        return  # it was thought to be abandoned, and is only slow
    if len(lane) > LIMIT:
        logger.error(
            "%s: its tick %s is given up: %d others wait to be sent",
            sending.name,
            lane[1].tick,
            LIMIT,
        )
        del lane[1]  # the first one is being sent
    lane.append(sending)
