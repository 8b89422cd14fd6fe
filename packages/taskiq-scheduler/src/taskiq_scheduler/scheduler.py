"""TaskiqScheduler: a broker, and the schedule sources that it serves."""

import asyncio
import inspect
import logging
from collections.abc import Sequence
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.exceptions import ScheduledTaskCancelledError
from taskiq_core.messages.scheduled_task import ScheduledTask

logger = logging.getLogger(__name__)

POST_SEND_TIMEOUT: Final = 10.0
"""Seconds that a source's `post_send` may take."""


class TaskiqScheduler:
    """Sends the tasks of schedules that are due; `SchedulerLoop` calls it.

    Args:
        broker: sends the tasks.
        sources: where the schedules are.
    """

    def __init__(self, broker: AsyncBroker, sources: Sequence[ScheduleSource]) -> None:
        self.broker = broker
        self.sources = list(sources)

    async def startup(self) -> None:
        """Start the broker up."""
        await self.broker.startup()

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        """Send the task of a schedule that is due.

        The message has the label `schedule_id`. The source may keep it from being sent:
        `ScheduledTaskCancelledError` from its `pre_send`.

        Args:
            source: where the schedule is.
            task: what to send.
        """
        try:
            preparing = source.pre_send(task)
            if inspect.isawaitable(preparing):
                await preparing
        except ScheduledTaskCancelledError:
            logger.info("%s (schedule %s) is not sent this time", task.task_name, task.schedule_id)
            return
        labels = {"schedule_id": task.schedule_id, **task.labels}
        kicker: AsyncKicker[..., None] = AsyncKicker(task.task_name, self.broker, labels)
        await kicker.with_task_id(task.task_id).kiq(*task.args, **task.kwargs)
        await call_post_send(source, task)

    async def shutdown(self) -> None:
        """Shut the broker down."""
        await self.broker.shutdown()


async def call_post_send(source: ScheduleSource, task: ScheduledTask) -> None:
    """Call the source's `post_send`; that it fails is logged only, as the task was sent."""
    try:
        calling = source.post_send(task)
        if inspect.isawaitable(calling):
            async with asyncio.timeout(POST_SEND_TIMEOUT):
                await calling
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s (schedule %s) was sent, but %s.post_send failed: %s",
            task.task_name,
            task.schedule_id,
            type(source).__name__,
            str(error) or type(error).__name__,
        )
