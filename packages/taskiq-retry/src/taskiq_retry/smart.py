"""SmartRetryMiddleware: run failed tasks again, after a delay that may grow."""

import logging
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.capabilities import Capability
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.labels import DELAY, RETRIES
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.redelivery import redelivery_of
from taskiq_core.messages.result import TaskiqResult
from taskiq_retry.policy import RETRY_DELAY
from taskiq_retry.simple import SimpleRetryMiddleware

logger = logging.getLogger("taskiq.retry_middleware")


class SmartRetryMiddleware(SimpleRetryMiddleware):
    """Retries as `SimpleRetryMiddleware` does, each after a delay.

    The broker delays where it can; a worker holds the message back where it can't.

    Args:
        default_retry_count: how often a task is run at most, the first time included; 0 or less for
            no retry.
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
        TypeError: `schedule_source` is not a ScheduleSource.
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
        if schedule_source is not None and not isinstance(schedule_source, ScheduleSource):
            raise TypeError(f"schedule_source is not a ScheduleSource: {schedule_source!r}")
        self.default_delay = default_delay
        self.use_jitter = use_jitter
        self.use_delay_exponent = use_delay_exponent
        self.max_delay_exponent = max_delay_exponent
        self.schedule_source = schedule_source
        # One that a subclass brings has a way of its own to send.
        self._sends_itself = type(self).on_send is not SmartRetryMiddleware.on_send

    def make_delay(self, message: TaskiqMessage, retries: int) -> float:
        """Return the seconds before the next attempt.

        Args:
            message: what failed.
            retries: attempts that failed so far.
        """
        delay = self._delay_without_jitter(self._first_delay(message), retries)
        return delay + random.random() if self.use_jitter else delay

    def _delay_without_jitter(self, first: float, retries: int) -> float:
        if not self.use_delay_exponent:
            return first
        # Beyond 2**63 the power is above any cap.
        return min(first * 2.0 ** min(retries - 1, 63), self.max_delay_exponent)

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Show a task that was released the delay of this retry in its label `delay`.

        A message that was sent again has it already. Of a random delay the label has the part that
        is not random.
        """
        if not message.labels.get(RETRIES) or RETRY_DELAY in message.labels:
            return message
        first = self._first_delay(message)
        delay = self._delay_without_jitter(first, int(message.labels[RETRIES]))
        message.labels[DELAY] = delay
        if delay != first:
            message.labels[RETRY_DELAY] = first
        return message

    async def on_send(
        self, kicker: AsyncKicker[Any, Any], message: TaskiqMessage, delay: float
    ) -> None:
        """Send a task again, or keep it as a schedule; subclasses may send it elsewhere.

        Args:
            kicker: has the labels and the id of the message.
            message: what failed.
            delay: seconds before the next attempt.
        """
        if self.schedule_source is None:
            await kicker.with_labels(delay=delay).kiq(*message.args, **message.kwargs)
            return
        when = datetime.now(UTC) + timedelta(seconds=delay)
        kicker.labels.pop(DELAY, None)  # the schedule has it already
        await kicker.schedule_by_time(self.schedule_source, when, *message.args, **message.kwargs)

    async def _retry(
        self, message: TaskiqMessage, result: TaskiqResult[Any], failures: int
    ) -> None:
        delay = self.make_delay(message, failures)
        logger.info(
            "%s (%s): attempt %d failed, the next one is in %.1f s",
            message.task_name,
            message.task_id,
            failures,
            delay,
        )
        if self._is_left_to_the_receiver(message, delay):
            message.labels[RETRIES] = failures
            self._ask_for_release(message, result, delay=delay)
            return
        kicker = self._kicker_of(message).with_labels(**{RETRIES: failures})
        first = self._first_delay(message)
        if first != delay:
            kicker.with_labels(**{RETRY_DELAY: first})
        await self.on_send(kicker, message, delay)
        message.labels[RETRIES] = failures
        self._replace_error(result)

    def _is_left_to_the_receiver(self, message: TaskiqMessage, delay: float) -> bool:
        redelivery = redelivery_of(message)
        if redelivery is None or self._sends_itself or self.schedule_source is not None:
            return False
        return redelivery.is_release or (delay > 0 and self._refuses_delays())

    def _refuses_delays(self) -> bool:
        """Return whether the broker says that it can't delay, so that the worker has to."""
        capabilities = getattr(self.broker, "capabilities", None)
        return isinstance(capabilities, frozenset) and Capability.DELAY not in capabilities

    def _give_up(self, message: TaskiqMessage, failures: int) -> None:
        self._bury(message, failures)

    def _first_delay(self, message: TaskiqMessage) -> float:
        labels = message.labels
        return float(labels.get(RETRY_DELAY, labels.get(DELAY, self.default_delay)))


def _check_seconds(name: str, value: float) -> None:
    if not value >= 0:  # also true for NaN
        raise ValueError(f"{name} is a number of seconds, not {value}")
