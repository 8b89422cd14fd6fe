"""SimpleRetryMiddleware: run failed tasks again, at once."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.capabilities import Capability
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.exceptions import (
    NoResultError,
    TaskAbortedError,
    TaskRejectedError,
    TaskRetryError,
)
from taskiq_core.messages.labels import BURY, RELEASE, RETRIES
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.redelivery import redelivery_of
from taskiq_core.messages.result import TaskiqResult
from taskiq_retry.policy import (
    MAX_RETRIES,
    RETRY_ON_ERROR,
    as_tuple,
    concerns,
    failures_of,
    is_true,
)

logger = logging.getLogger("taskiq.retry_middleware")


class SimpleRetryMiddleware(TaskiqMiddleware):
    """Has tasks that failed run again, under the same task id.

    Tasks are retried that carry the label `retry_on_error=True`; `max_retries` and
    `types_of_exceptions` are labels, too. How often a task has failed is in its label `_retries`. A
    broker that can release the message is given it back. To others `on_error` sends the task again,
    through all hooks, as it does outside a worker. After the last failure the error is stored as
    the result, and the message is buried if the broker has dead letters.

    Args:
        default_retry_count: how often a task is run at most, the first time included; 0 or less for
            no retry.
        default_retry_label: whether tasks without the label `retry_on_error` are retried.
        no_result_on_retry: whether the error of an attempt that is followed by another is kept
            from the caller; False stores it, and the next attempt's result replaces it.
        types_of_exceptions: for which exceptions; None for all.
    """

    def __init__(
        self,
        default_retry_count: int = 3,
        default_retry_label: bool = False,
        no_result_on_retry: bool = True,
        types_of_exceptions: Iterable[type[BaseException]] | None = None,
    ) -> None:
        super().__init__()
        self.default_retry_count = default_retry_count
        self.default_retry_label = default_retry_label
        self.no_result_on_retry = no_result_on_retry
        self.types_of_exceptions = types_of_exceptions
        self._types = as_tuple(types_of_exceptions)

    def is_retry_on_error(self, message: TaskiqMessage) -> bool:
        """Return whether the task is to be run again when it fails; subclasses may decide."""
        return is_true(message.labels.get(RETRY_ON_ERROR, self.default_retry_label))

    async def on_error(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
        exception: BaseException,
    ) -> None:
        """Have the task run again, or its message buried after the last failure.

        Raises:
            SendTaskError: the task can't be sent again.
        """
        if isinstance(exception, NoResultError | TaskRejectedError | TaskAbortedError):
            return  # the task has decided for itself, or was aborted
        if not self.is_retry_on_error(message):
            return
        if not concerns(exception, self._declared_labels(message), self._types):
            return
        failures = failures_of(message.labels)
        if failures < int(message.labels.get(MAX_RETRIES, self.default_retry_count)):
            await self._retry(message, result, failures)
        else:
            self._give_up(message, failures)

    async def _retry(
        self, message: TaskiqMessage, result: TaskiqResult[Any], failures: int
    ) -> None:
        logger.info("%s (%s): attempt %d failed", message.task_name, message.task_id, failures)
        message.labels[RETRIES] = failures
        if self._is_released(message):
            self._ask_for_release(message, result, delay=0.0)
            return
        kicker = self._kicker_of(message)
        await kicker.kiq(*message.args, **message.kwargs)
        self._replace_error(result)

    def _give_up(self, message: TaskiqMessage, failures: int) -> None:
        message.labels[RETRIES] = failures
        self._bury(message, failures)

    def _bury(self, message: TaskiqMessage, failures: int) -> None:
        logger.warning(
            "%s (%s): attempt %d failed, and was the last one",
            message.task_name,
            message.task_id,
            failures,
        )
        if Capability.DEAD_LETTER in (getattr(self.broker, "capabilities", None) or ()):
            message.labels[BURY] = f"failed {failures} times"

    def _is_released(self, message: TaskiqMessage) -> bool:
        """Return whether the receiver gives the message back to a broker that takes it back."""
        redelivery = redelivery_of(message)
        return redelivery is not None and redelivery.is_release

    def _ask_for_release(
        self, message: TaskiqMessage, result: TaskiqResult[Any], *, delay: float
    ) -> None:
        if self.no_result_on_retry:
            result.error = TaskRetryError(delay=delay, is_failure=True)
        else:
            message.labels[RELEASE] = delay  # once the error is stored as the result

    def _replace_error(self, result: TaskiqResult[Any]) -> None:
        """Keep the error of an attempt that is followed by another from the caller."""
        if self.no_result_on_retry:
            result.error = NoResultError()

    def _kicker_of(self, message: TaskiqMessage) -> AsyncKicker[Any, Any]:
        kicker: AsyncKicker[Any, Any] = AsyncKicker(message.task_name, self.broker, message.labels)
        return kicker.with_task_id(message.task_id)

    def _declared_labels(self, message: TaskiqMessage) -> Mapping[str, Any]:
        # Outside a worker the broker may be an object that only sends.
        find_task = getattr(self.broker, "find_task", None)
        task = None if find_task is None else find_task(message.task_name)
        labels = getattr(task, "labels", None)
        return labels if isinstance(labels, Mapping) else {}
