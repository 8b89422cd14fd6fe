"""Messages that are not run: unreadable, unknown, or delivered too often."""

import logging
import random
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.delivery import Delivery
from taskiq_core.exceptions import MaxDeliveriesError, TaskiqError, TaskUnregisteredError
from taskiq_core.flow.backoff import backoff_delay
from taskiq_core.flow.run import error_result
from taskiq_core.flow.settle import Bury, Outcome, Release
from taskiq_core.flow.store import store_result
from taskiq_core.labels import attempt_of
from taskiq_core.message import TaskiqMessage

logger = logging.getLogger(__name__)

MAX_DELIVERIES: Final = 5
"""How many deliveries of a message may end without being settled."""
UNREGISTERED_ATTEMPTS: Final = 7
"""How often a message of an unknown task is delivered; with its delays that takes a minute."""


async def give_up(broker: AbstractBroker, message: TaskiqMessage, delivery: Delivery) -> Outcome:
    """Bury a message that nobody settled, and tell its caller."""
    error = MaxDeliveriesError(
        task_name=message.task_name,
        task_id=message.task_id,
        deliveries=delivery.unsettled,
    )
    return await _bury(
        broker, message, error, f"delivered {delivery.unsettled} times without being settled"
    )


async def put_off(broker: AbstractBroker, message: TaskiqMessage) -> Outcome:
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
    return await _bury(broker, message, error, "unregistered")


async def _bury(
    broker: AbstractBroker,
    message: TaskiqMessage,
    error: TaskiqError,
    reason: str,
) -> Outcome:
    logger.error("%s", error)
    await store_result(broker.result_backend, message, error_result(message, error))
    return Bury(reason)
