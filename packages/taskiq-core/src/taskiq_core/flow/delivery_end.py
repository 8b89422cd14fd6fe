"""How a delivery ended, and the line that the log has of it."""

import logging
from collections.abc import Callable
from time import monotonic

from taskiq_core.exceptions import NoResultError, TaskAbortedError, TaskRetryError
from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import DeliveryEnd
from taskiq_core.messages.labels import REQUEUE, attempt_of
from taskiq_core.messages.outcomes import Ack, Bury, Leave, Outcome, Release

logger = get_logger(__name__)

ReportEnd = Callable[[Delivery, Run, Outcome], None]
"""Called once for each delivery, when it is settled; must not raise."""


def end_of(delivery: Delivery, run: Run, outcome: Outcome) -> DeliveryEnd:
    """Tell how a delivery ended.

    Args:
        delivery: which has ended.
        run: what is known of it.
        outcome: what was decided; `LEAVE` if that could not be done.
    """
    match outcome:
        case Ack():
            return _end_of_acknowledged(run)
        case Leave():
            return DeliveryEnd.LOST
        case Bury():
            return DeliveryEnd.EXPIRED if delivery.expired else DeliveryEnd.DEAD
        case Release():
            return DeliveryEnd.RETRIED if has_failed(run) else DeliveryEnd.RELEASED


def has_failed(run: Run) -> bool:
    """Return whether the task raised an exception that is an error, and not a request."""
    return run.error is not None and not isinstance(run.error, NoResultError | TaskAbortedError)


def attempt_number(delivery: Delivery, run: Run) -> int:
    """Return which attempt of its task a delivery was, from 1.

    A message that was sent again counts in its labels.
    """
    if run.message is None or REQUEUE not in run.message.labels:
        return delivery.attempt
    try:
        return attempt_of(run.message.labels)
    except (TypeError, ValueError):  # a middleware's doing
        return delivery.attempt


def log_end(delivery: Delivery, run: Run, outcome: Outcome) -> None:
    """Log one line about a delivery that has ended, at INFO.

    Args:
        delivery: which has ended.
        run: what is known of it.
        outcome: what was decided; `LEAVE` if that could not be done.
    """
    message = run.message
    if message is None or not logger.isEnabledFor(logging.INFO):
        return
    logger.info(
        "Task %s (%s), attempt %d: %s in %.3f s",
        message.task_name,
        message.task_id,
        attempt_number(delivery, run),
        end_of(delivery, run, outcome),
        monotonic() - run.started,
    )


def _end_of_acknowledged(run: Run) -> DeliveryEnd:
    if run.result is None:
        return DeliveryEnd.ABORTED  # before it was started: nothing else is acknowledged unread
    error = run.result.error
    if error is None:
        return DeliveryEnd.SUCCEEDED
    if isinstance(error, NoResultError):
        return _end_without_result(run, error)
    return DeliveryEnd.ABORTED if isinstance(error, TaskAbortedError) else DeliveryEnd.FAILED


def _end_without_result(run: Run, error: NoResultError) -> DeliveryEnd:
    if has_failed(run):
        return DeliveryEnd.RETRIED  # a middleware has sent it again
    if isinstance(error, TaskRetryError):
        return DeliveryEnd.RELEASED
    return DeliveryEnd.SUCCEEDED  # the task wants no result
