"""Messages that are not run: aborted, expired, unknown, unreadable, or delivered too often."""

import logging
import random
from typing import Final

from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import (
    MaxDeliveriesError,
    TaskAbortedError,
    TaskExpiredError,
    TaskiqError,
    TaskUnregisteredError,
    UnreadableMessageError,
)
from taskiq_core.flow.read import task_id_of
from taskiq_core.flow.run import error_result
from taskiq_core.flow.settle import describe
from taskiq_core.flow.store import Store
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import EXPIRES, attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import ACK, LEAVE, Bury, Outcome, Release

logger = get_logger(__name__)

MAX_DELIVERIES: Final = 5
"""How many deliveries of a message may end without being settled."""
UNREGISTERED_ATTEMPTS: Final = 7
"""How often a message of an unknown task is delivered; with its delays that takes a minute."""


async def give_up(store: Store, message: TaskiqMessage, delivery: Delivery) -> Outcome:
    """Bury a message that no worker settled, and store an error result for its caller.

    Args:
        store: stores the result.
        message: the call.
        delivery: the one that is too many.
    """
    error = MaxDeliveriesError(
        task_name=message.task_name,
        task_id=message.task_id,
        deliveries=delivery.unsettled,
    )
    reason = f"delivered {delivery.unsettled} times without being settled"
    return await _end(store, message, error, Bury(reason))


async def bury_unreadable(
    store: Store, delivery: Delivery, error: UnreadableMessageError
) -> Outcome:
    """Bury a message that can't be read.

    If a task id can be read all the same, its caller gets an error result.

    Args:
        store: stores the result.
        delivery: has the bytes.
        error: why they can't be read.
    """
    task_id = task_id_of(delivery)
    logger.error("%s It is buried%s.", error, f", as task {task_id}" if task_id else "")
    outcome = Bury(f"unreadable: {error.reason}")
    if task_id is None:
        return outcome
    message = TaskiqMessage(task_id=task_id, task_name="?", labels={}, args=[], kwargs={})
    stored = await store(message, error_result(message, error))
    return LEAVE if stored is None else outcome


async def put_off(store: Store, message: TaskiqMessage) -> Outcome:
    """Release a message of a task that this worker does not know: another one may, or a later one.

    While a new version is rolled out, old workers meet new tasks. After a minute the message is
    buried.
    """
    attempt = attempt_of(message.labels)
    if attempt < UNREGISTERED_ATTEMPTS:
        delay = backoff_delay(attempt, base=1.0, cap=20.0, rng=random)
        logger.warning(
            "Task %s (%s) is unknown to this worker; it is given back and comes again in %.1f s. "
            "Does the worker import the module that declares it?",
            message.task_name,
            message.task_id,
            delay,
        )
        return Release(delay)
    error = TaskUnregisteredError(task_name=message.task_name, task_id=message.task_id)
    return await _end(store, message, error, Bury("unregistered", describe(error)))


async def expire(store: Store, message: TaskiqMessage) -> Outcome:
    """Bury a message whose label `expires` ran out before it was started, and tell its caller."""
    error = TaskExpiredError(
        task_name=message.task_name,
        task_id=message.task_id,
        expires=float(message.labels.get(EXPIRES, 0.0)),
    )
    return await _end(store, message, error, Bury("expired", describe(error)))


async def abort_queued(store: Store, message: TaskiqMessage) -> Outcome:
    """Do not start a task that was aborted while it waited."""
    error = TaskAbortedError(
        task_name=message.task_name,
        task_id=message.task_id,
        remark=" before it was started",
    )
    return await _end(store, message, error, ACK)


async def _end(
    store: Store,
    message: TaskiqMessage,
    error: TaskiqError,
    outcome: Outcome,
) -> Outcome:
    logger.log(logging.INFO if outcome is ACK else logging.ERROR, "%s", error)
    stored = await store(message, error_result(message, error))
    return LEAVE if stored is None else outcome
