"""SmartRetryMiddleware: run failed tasks again, after a delay that may grow."""

import logging
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.exceptions import NoResultError, TaskRetryError
from taskiq_core.messages.labels import DELAY, REQUEUE
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_retry.simple import SimpleRetryMiddleware

logger = logging.getLogger(__name__)


class SmartRetryMiddleware(SimpleRetryMiddleware):
    """Retries as `SimpleRetryMiddleware` does, each after a delay.

    The broker delays where it can; a worker holds the message back where it can't.

    Args:
        default_retry_count: how often a task is run at most, the first time included.
        default_retry_label: whether tasks without the label `retry_on_error` are retried.
        no_result_on_retry: whether the error of an attempt that is followed by another is kept from
            the caller.
        default_delay: seconds before the second attempt; the label `delay` for one task.
        use_jitter: whether up to one second is added at random, so that retries spread out.
        use_delay_exponent: whether the delay doubles from attempt to attempt.
        max_delay_exponent: seconds that a doubled delay reaches at most, before jitter.
        schedule_source: keeps the retries as schedules instead; a scheduler must serve it.
        types_of_exceptions: for which exceptions; None for all.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        default_retry_count: int = 3,
        default_retry_label: bool = False,
        no_result_on_retry: bool = True,
        default_delay: float = 5,
        use_jitter: bool = False,
        use_delay_exponent: bool = False,
        max_delay_exponent: float = 60,
        schedule_source: ScheduleSource | None = None,
        types_of_exceptions: Iterable[type[BaseException]] | None = None,
    ) -> None:
        super().__init__(
            default_retry_count=default_retry_count,
            default_retry_label=default_retry_label,
            no_result_on_retry=no_result_on_retry,
            types_of_exceptions=types_of_exceptions,
        )
        _check_seconds("default_delay", default_delay)
        _check_seconds("max_delay_exponent", max_delay_exponent)
        self.default_delay = default_delay
        self.use_jitter = use_jitter
        self.use_delay_exponent = use_delay_exponent
        self.max_delay_exponent = max_delay_exponent
        self.schedule_source = schedule_source

    def make_delay(self, message: TaskiqMessage, retries: int) -> float:
        """Seconds before the next attempt.

        Args:
            message: what failed.
            retries: attempts that failed so far.
        """
        delay = float(message.labels.get(DELAY, self.default_delay))
        if self.use_delay_exponent:
            # Beyond 2**63 the power is above any cap.
            delay = min(delay * 2 ** min(retries - 1, 63), self.max_delay_exponent)
        return delay + random.random() if self.use_jitter else delay

    async def retry(self, message: TaskiqMessage, result: TaskiqResult[Any], attempt: int) -> None:
        """Ask for another delivery as `SimpleRetryMiddleware.retry` does, after the delay."""
        delay = self.make_delay(message, attempt)
        logger.info(
            "%s (%s): attempt %d failed, the next one is in %.1f s",
            message.task_name,
            message.task_id,
            attempt,
            delay,
        )
        if self.schedule_source is None:
            result.error = TaskRetryError(delay=delay)
            return
        labels = {name: value for name, value in message.labels.items() if name != DELAY}
        await self.schedule_source.add_schedule(
            ScheduledTask(
                task_name=message.task_name,
                labels={**labels, REQUEUE: attempt},
                args=message.args,
                kwargs=message.kwargs,
                task_id=message.task_id,
                time=datetime.now(UTC) + timedelta(seconds=delay),
            )
        )
        result.error = NoResultError()


def _check_seconds(name: str, value: float) -> None:
    if not value >= 0:  # also true for NaN
        raise ValueError(f"{name} is a number of seconds, not {value}")
