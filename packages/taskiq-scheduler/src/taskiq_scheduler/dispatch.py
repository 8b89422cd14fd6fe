"""Dispatches ticks: claims each, sends its task, confirms it, and tries again if that fails."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError, reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.labels import UNIQUE_KEY
from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_scheduler.claims import SourceClaims
from taskiq_scheduler.clock import Clock
from taskiq_scheduler.errors import SendTimeoutError
from taskiq_scheduler.missed import LIMIT, is_too_late
from taskiq_scheduler.scheduler import TaskiqScheduler, call_post_send
from taskiq_scheduler.tick_ids import tick_id, with_tick_id

logger = get_logger(__name__)

SEND_TIMEOUT: Final = 30.0
"""Seconds that sending one task may take before it is tried again."""
LONGEST_BACKOFF: Final = 30.0
"""Seconds between two attempts, at most."""


@dataclass(eq=False, slots=True)
class Dispatch:
    """A tick that is to be sent.

    Attributes:
        claims: of the schedule's source.
        is_abandoned: whether another scheduler had claimed it, and may have sent it before it died.
        claim_ends: when this scheduler's claim runs out, on its monotonic clock; None without one.
        is_sent: whether the task was sent, so that the tick has only to be confirmed.
    """

    claims: SourceClaims
    schedule: ScheduledTask
    tick: datetime
    is_abandoned: bool = False
    claim_ends: float | None = None
    is_sent: bool = False

    @property
    def source(self) -> ScheduleSource:
        """Where the schedule is."""
        return self.claims.source

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"{self.schedule.task_name} (schedule {self.schedule.schedule_id})"


Lane = deque[Dispatch]
"""The ticks of one schedule, earliest first; the first one is being sent."""
_Key = tuple[ScheduleSource, str]


class Dispatcher:
    """Sends ticks: schedules at the same time, the ticks of one schedule one after another.

    A tick that can't be sent is tried again, with growing delays, until its grace is over or, where
    only the latest tick matters, until the next one is due.

    A claim may outlive its scheduler between sending and confirming; then another one sends the
    tick once more, under the same task id. A broker that knows unique keys refuses the second one,
    and one whose result is there is not sent.

    Args:
        scheduler: sends.
        clock: decides what is too late, and when a claim has run out.
        send_timeout: seconds that an attempt may take; less where claims are shorter.
    """

    def __init__(
        self, scheduler: TaskiqScheduler, clock: Clock, send_timeout: float = SEND_TIMEOUT
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._send_timeout = send_timeout
        self._lanes: dict[_Key, Lane] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def put(self, dispatches: Iterable[Dispatch]) -> None:
        """Have ticks of one schedule sent, after the ones that it has under way."""
        for dispatch in dispatches:
            key = (dispatch.source, dispatch.schedule.schedule_id)
            lane = self._lanes.get(key)
            if lane is not None:
                _join(lane, dispatch)
                continue
            self._lanes[key] = lane = deque([dispatch])
            running = asyncio.create_task(self._drain(key, lane))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def wait_idle(self) -> None:
        """Wait until every tick was sent or given up."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Let what is being sent come to its end, and try nothing again."""
        self._closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=self._send_timeout)
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # -- one lane -----------------------------------------------------------------------------

    async def _drain(self, key: _Key, lane: Lane) -> None:
        try:
            while lane and not self._closing.is_set():
                await self._dispatch_first(lane)
                lane.popleft()
        finally:
            del self._lanes[key]

    async def _dispatch_first(self, lane: Lane) -> None:
        """Send the first tick of a lane, or give it up."""
        dispatch = lane[0]
        for attempt in count(1):
            try:
                await self._attempt(dispatch)
            except Exception as error:  # noqa: BLE001  # any broker or source
                problem = reason_of(error)
            else:
                return
            outcome = "was sent, but can't be confirmed" if dispatch.is_sent else "was not sent"
            logger.warning("%s %s: %s", dispatch.name, outcome, problem)
            if (reason := self._why_give_up(lane)) is not None:
                logger.error(
                    "%s: its tick %s is given up: %s", dispatch.name, dispatch.tick, reason
                )
                await self._forget(dispatch)
                return
            delay = backoff_delay(attempt, base=1.0, cap=LONGEST_BACKOFF, rng=random)
            await self._clock.wait(self._closing, delay)
            if self._closing.is_set():
                return

    def _why_give_up(self, lane: Lane) -> str | None:
        dispatch = lane[0]
        if dispatch.is_sent:
            return None
        if is_too_late(dispatch.schedule, dispatch.tick, self._clock.now()):
            return "it is later than its grace allows"
        if len(lane) > 1 and dispatch.schedule.missed is not MissedTicks.ALL:
            return "a later one takes its place"
        return None

    async def _forget(self, dispatch: Dispatch) -> None:
        """Confirm a tick that was given up, so that no other scheduler takes it over."""
        if dispatch.claim_ends is None:
            return
        try:
            async with asyncio.timeout(self._send_timeout):
                await dispatch.claims.confirm(dispatch.schedule, dispatch.tick)
        except Exception as error:  # noqa: BLE001  # any source
            logger.warning("%s can't be confirmed: %s", dispatch.name, reason_of(error))

    # -- one attempt --------------------------------------------------------------------------

    async def _attempt(self, dispatch: Dispatch) -> None:
        """Send a tick, unless it is another scheduler's, from the step where it failed before."""
        seconds = self._send_timeout
        lease = dispatch.claims.lease
        if lease is not None:
            seconds = min(seconds, lease / 2)
            await self._outlive_claim(dispatch, seconds)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                if await self._is_claimed(dispatch):
                    await self._send(dispatch)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise SendTimeoutError(
                schedule_id=dispatch.schedule.schedule_id,
                task_name=dispatch.schedule.task_name,
                timeout=seconds,
            ) from error

    async def _outlive_claim(self, dispatch: Dispatch, needed: float) -> None:
        """Wait for the end of a claim that is too short for one more attempt."""
        if dispatch.claim_ends is None or dispatch.is_sent:
            return
        left = dispatch.claim_ends - self._clock.monotonic()
        if left < needed:
            await asyncio.sleep(max(left, 0.0))
            dispatch.claim_ends = None

    async def _is_claimed(self, dispatch: Dispatch) -> bool:
        lease = dispatch.claims.lease
        if lease is None or dispatch.claim_ends is not None:
            return True
        ends = self._clock.monotonic() + lease
        if not await dispatch.claims.claim(dispatch.schedule, dispatch.tick):
            return False
        dispatch.claim_ends = ends
        return True

    async def _send(self, dispatch: Dispatch) -> None:
        if not dispatch.is_sent:
            task = self._message_of(dispatch)
            if dispatch.is_abandoned and await self._has_result(dispatch.schedule, task):
                await call_post_send(dispatch.source, task)
            else:
                await self._hand_over(dispatch, task)
            dispatch.is_sent = True
        await dispatch.claims.confirm(dispatch.schedule, dispatch.tick)

    async def _hand_over(self, dispatch: Dispatch, task: ScheduledTask) -> None:
        try:
            await self._scheduler.on_ready(dispatch.source, task)
        except SendTaskError as error:
            # A broker that refuses a tick because it has it already.
            key: object = getattr(error, "unique_key", None)
            if key != tick_id(dispatch.schedule, dispatch.tick):
                raise
            await call_post_send(dispatch.source, task)

    def _message_of(self, dispatch: Dispatch) -> ScheduledTask:
        task = with_tick_id(dispatch.schedule, dispatch.tick)
        has_keys = Capability.UNIQUE in (self._scheduler.broker.capabilities or ())
        if has_keys and dispatch.claims.lease is not None and UNIQUE_KEY not in task.labels:
            key = tick_id(dispatch.schedule, dispatch.tick)
            task = task.model_copy(update={"labels": {**task.labels, UNIQUE_KEY: key}})
        return task

    async def _has_result(self, schedule: ScheduledTask, task: ScheduledTask) -> bool:
        if schedule.task_id is not None or task.task_id is None:
            return False  # every tick has the same id: the result may be an earlier one's
        try:
            return await self._scheduler.broker.result_backend.is_result_ready(task.task_id)
        except Exception as error:  # noqa: BLE001  # any result backend
            logger.debug(
                "Whether %s (%s) has run can't be found out: %s",
                schedule.task_name,
                task.task_id,
                reason_of(error),
            )
            return False


def _join(lane: Lane, dispatch: Dispatch) -> None:
    if any(each.tick == dispatch.tick for each in lane):
        return  # it was thought to be abandoned, and is only slow
    if len(lane) > LIMIT:
        logger.error(
            "%s: its tick %s is given up: %d others wait to be sent",
            dispatch.name,
            lane[1].tick,
            LIMIT,
        )
        del lane[1]  # the first one is being sent
    lane.append(dispatch)
