"""SimpleRetryMiddleware: run failed tasks again, at once."""

import logging
from collections.abc import Iterable
from typing import Any

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import (
    NoResultError,
    TaskAbortedError,
    TaskRejectedError,
    TaskRetryError,
)
from taskiq_core.messages.labels import BURY, attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_retry.policy import RETRIES, RetryPolicy, as_tuple

logger = logging.getLogger(__name__)


class SimpleRetryMiddleware(TaskiqMiddleware):
    """Delivers messages of failed tasks again, under the same task id.

    Tasks are retried that carry the label `retry_on_error=True`; `max_retries` and
    `types_of_exceptions` are labels, too. The broker counts the attempts, so that a killed worker
    counts as one. After the last one the error is stored as the result, and the message is buried
    if the broker has dead letters.

    Args:
        default_retry_count: how often a task is run at most, the first time included.
        default_retry_label: whether tasks without the label `retry_on_error` are retried.
        no_result_on_retry: whether the error of an attempt that is followed by another is kept
            from the caller; False stores it, and the next attempt's result replaces it.
        types_of_exceptions: for which exceptions; None for all.

    Raises:
        ValueError: `default_retry_count` is below 1.
    """

    def __init__(
        self,
        default_retry_count: int = 3,
        default_retry_label: bool = False,
        no_result_on_retry: bool = True,
        types_of_exceptions: Iterable[type[BaseException]] | None = None,
    ) -> None:
        super().__init__()
        if default_retry_count < 1:
            raise ValueError(f"default_retry_count is at least 1, not {default_retry_count}")
        self.default_retry_count = default_retry_count
        self.default_retry_label = default_retry_label
        self.no_result_on_retry = no_result_on_retry
        self.types_of_exceptions = types_of_exceptions
        self._policy = RetryPolicy(
            default_retry_count=default_retry_count,
            default_retry_label=default_retry_label,
            types_of_exceptions=as_tuple(types_of_exceptions),
        )

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Set the label `_retries` to the number of earlier runs."""
        earlier = attempt_of(message.labels) - 1
        if earlier:
            message.labels[RETRIES] = earlier
        return message

    async def on_error(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
        exception: BaseException,
    ) -> None:
        """Ask for another delivery, or for burial after the last attempt."""
        if isinstance(exception, NoResultError | TaskRejectedError | TaskAbortedError):
            return  # the task, or an operator, has decided
        task = self.broker.find_task(message.task_name)
        declared = {} if task is None else task.labels
        if not self._policy.concerns(message.labels, declared, exception):
            return
        attempt = attempt_of(message.labels)
        if not self._policy.may_run_again(message.labels):
            self._give_up(message, attempt)
            return
        if not self.no_result_on_retry:
            await self.broker.result_backend.set_result(message.task_id, result.model_copy())
        await self.retry(message, result, attempt)

    async def retry(self, message: TaskiqMessage, result: TaskiqResult[Any], attempt: int) -> None:
        """Ask for another delivery; subclasses say when.

        Args:
            message: what failed.
            result: whose error tells the worker.
            attempt: which attempt failed, from 1.
        """
        logger.info("%s (%s): attempt %d failed", message.task_name, message.task_id, attempt)
        result.error = TaskRetryError()

    def _give_up(self, message: TaskiqMessage, attempt: int) -> None:
        logger.warning(
            "%s (%s): attempt %d failed, and was the last one",
            message.task_name,
            message.task_id,
            attempt,
        )
        if Capability.DEAD_LETTER in (self.broker.capabilities or ()):
            message.labels[BURY] = f"failed {attempt} times"
