"""Storing a result: again and again until it is stored."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, Final

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.outage import Outage
from taskiq_core.exceptions import ResultSerializationError
from taskiq_core.flow.leases import LeaseKeeper
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult

logger = get_logger(__name__)

ACTIVITY: Final = "Results can't be stored"
# What serializers raise; PydanticSerializationError is a ValueError, pickle's errors are not.
_SERIALIZATION_ERRORS: Final = (
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    AttributeError,
)


Store = Callable[[TaskiqMessage, TaskiqResult[Any]], Coroutine[Any, Any, TaskiqResult[Any] | None]]
"""Stores the result of one delivery, as `store_result` does."""


async def store_result(
    backend: AsyncResultBackend[Any],
    leases: LeaseKeeper,
    delivery: Delivery,
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    outage: Outage | None = None,
) -> TaskiqResult[Any] | None:
    """Store a result, however long the store is down.

    What can't be serialized will not be stored by trying again: an error result that says so takes
    its place, first without the return value, then without labels and log, too.

    Args:
        backend: where to store it.
        leases: knows whether the delivery is still this worker's.
        delivery: whose result it is.
        message: of the delivery.
        result: what to store.
        outage: logs failures; one of its own by default.

    Returns:
        What was stored; None if the lease was lost, so that it is another worker's to store.
    """
    attempt = 0
    outage = outage or Outage(type(backend).__name__, logger)
    if delivery.fence is not None:
        result.labels = {**result.labels, FENCE: delivery.fence}
    while True:
        attempt += 1
        try:
            if (delivery.lease is not None and not await leases.confirm(delivery)) or (
                attempt > 1 and leases.is_lost(delivery)
            ):
                return None
            await backend.set_result(message.task_id, result)
        except Exception as error:  # noqa: BLE001  # any store, any failure
            smaller = _smaller(message, result, error) if _is_about_the_value(error) else None
            if smaller is not None:
                result = smaller
                logger.error("%s", result.error)  # noqa: TRY400  # the traceback is the serializer's
                continue
            delay = backoff_delay(attempt, base=0.2, cap=30.0, rng=random)
            outage.failed(ACTIVITY, error)
            logger.debug("The result of %s (%s) waits", message.task_name, message.task_id)
            await asyncio.sleep(delay)
        else:
            if outage.is_on:
                outage.succeeded(ACTIVITY)
            return result


async def store_once(
    backend: AsyncResultBackend[Any], message: TaskiqMessage, result: TaskiqResult[Any]
) -> TaskiqResult[Any]:
    """Store a result and return it; raises what the backend raises.

    Args:
        backend: where to store it.
        message: of the delivery whose result it is.
        result: what to store.
    """
    await backend.set_result(message.task_id, result)
    return result


def _is_about_the_value(error: BaseException | None) -> bool:
    if isinstance(error, OSError | JSONDecodeError):
        return False  # of a connection, or of an answer: those are ValueErrors, too
    while error is not None:
        if isinstance(error, _SERIALIZATION_ERRORS) or type(error).__name__ == "PicklingError":
            return True
        error = error.__cause__
    return False


def _smaller(
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    error: Exception,
) -> TaskiqResult[Any] | None:
    """An error result without what may be at fault; None if there is nothing to leave out."""
    fence = {name: value for name, value in result.labels.items() if name == FENCE}
    if result.return_value is not None:
        value_type = type(result.return_value)
        type_name = f"{value_type.__module__}.{value_type.__qualname__}".removeprefix("builtins.")
        part = f"return value of type {type_name}"
        left_out: dict[str, Any] = {"return_value": None}
    elif result.log is not None or result.labels != fence:
        part = "error, log or labels"
        left_out = {"log": None, "labels": fence}
    else:
        return None
    failure = ResultSerializationError(
        task_name=message.task_name,
        task_id=message.task_id,
        part=part,
        reason=str(error) or type(error).__name__,
    )
    return result.model_copy(update={"is_err": True, "error": failure, **left_out})
