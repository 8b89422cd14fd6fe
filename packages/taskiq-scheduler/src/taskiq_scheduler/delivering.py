"""One try to send a tick: claim it, send its task, tell the source."""

import asyncio
import logging

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.labels import UNIQUE_KEY
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.clock import Clock
from taskiq_scheduler.errors import SendTimeoutError
from taskiq_scheduler.scheduler import TaskiqScheduler, tell_sent
from taskiq_scheduler.ticks import Sending, tick_id, with_tick_id

logger = logging.getLogger(__name__)


class Deliverer:
    """Sends ticks, each as often as it is told to: whoever tells decides about trying again.

    A claim may outlive its scheduler between sending and confirming; then another one sends the
    tick once more, under the same task id. A broker that knows unique keys refuses the second one,
    and one whose result is there is not sent.

    Args:
        scheduler: sends.
        clock: tells when a claim runs out.
        send_timeout: seconds that a try may take; less where the source's claims are shorter.
    """

    def __init__(self, scheduler: TaskiqScheduler, clock: Clock, send_timeout: float) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._send_timeout = send_timeout
        capabilities = scheduler.broker.capabilities
        self._knows_keys = capabilities is not None and Capability.UNIQUE in capabilities

    async def deliver(self, sending: Sending) -> None:
        """Send a tick, unless it is another scheduler's; what was done before is not done again.

        Raises:
            SendTimeoutError: it took too long.
            Exception: whatever the source or the broker raised.
        """
        seconds = self._send_timeout
        if sending.source.can_claim:
            seconds = min(seconds, sending.source.claim_lease / 2)
            await self._outlive_claim(sending, seconds)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                if await self._is_ours(sending):
                    await self._send(sending)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise SendTimeoutError(
                schedule_id=sending.schedule.schedule_id,
                task_name=sending.schedule.task_name,
                timeout=seconds,
            ) from error

    async def forget(self, sending: Sending) -> None:
        """Tell the source that a tick is over, although it was not sent."""
        if sending.claim_ends is None:
            return
        try:
            async with asyncio.timeout(self._send_timeout):
                await sending.source.confirm(sending.schedule.schedule_id, sending.tick)
        except Exception as error:  # noqa: BLE001  # any source
            logger.warning("%s: its source can't be told: %s", sending.name, error)

    # -- steps --------------------------------------------------------------------------------

    async def _outlive_claim(self, sending: Sending, needed: float) -> None:
        """Wait for the end of a claim that is too short for one more try; nobody can renew it."""
        if sending.claim_ends is None or sending.is_sent:
            return
        left = sending.claim_ends - self._clock.monotonic()
        if left < needed:
            await asyncio.sleep(max(left, 0.0))
            sending.claim_ends = None

    async def _is_ours(self, sending: Sending) -> bool:
        source = sending.source
        if not source.can_claim or sending.claim_ends is not None:
            return True
        ends = self._clock.monotonic() + source.claim_lease
        if not await source.claim(sending.schedule.schedule_id, sending.tick):
            return False
        sending.claim_ends = ends
        return True

    async def _send(self, sending: Sending) -> None:
        source, schedule = sending.source, sending.schedule
        if not sending.is_sent:
            task = self._message_of(sending)
            if sending.is_abandoned and await self._has_result(schedule, task):
                await tell_sent(source, task)
            else:
                await self._hand_over(sending, task)
            sending.is_sent = True
        if source.can_claim:
            await source.confirm(schedule.schedule_id, sending.tick)

    async def _hand_over(self, sending: Sending, task: ScheduledTask) -> None:
        try:
            await self._scheduler.on_ready(sending.source, task)
        except SendTaskError as error:
            if not self._is_there(error, sending):
                raise
            await tell_sent(sending.source, task)

    def _message_of(self, sending: Sending) -> ScheduledTask:
        task = with_tick_id(sending.schedule, sending.tick)
        if self._knows_keys and sending.source.can_claim and UNIQUE_KEY not in task.labels:
            key = tick_id(sending.schedule, sending.tick)
            task = task.model_copy(update={"labels": {**task.labels, UNIQUE_KEY: key}})
        return task

    def _is_there(self, error: SendTaskError, sending: Sending) -> bool:
        """Whether a broker refused a tick because it has it."""
        key: object = getattr(error, "unique_key", None)
        return key == tick_id(sending.schedule, sending.tick)

    async def _has_result(self, schedule: ScheduledTask, task: ScheduledTask) -> bool:
        if schedule.task_id is not None or task.task_id is None:
            return False  # every tick has the same id: the result may be an earlier one's
        try:
            return await self._scheduler.broker.result_backend.is_result_ready(task.task_id)
        except Exception as error:  # noqa: BLE001  # any result backend
            logger.debug("Whether %s has run can't be told: %s", task.task_id, error)
            return False
