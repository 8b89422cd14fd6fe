"""The one place where deliveries are settled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.delivery_task import DeliveryTask
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import (
    LeaseLostError,
    TaskiqError,
    TaskRejectedError,
    TaskRetryError,
    reason_of,
)
from taskiq_core.messages.delivery import AckOnlyDelivery, Delivery
from taskiq_core.messages.labels import BURY, DELAY, REQUEUE, LabelType, attempt_of
from taskiq_core.messages.outcomes import ACK, Ack, Bury, Leave, Outcome, Release

logger = logging.getLogger(__name__)


def outcome_of_error(error: BaseException, labels: Mapping[str, Any]) -> Outcome:
    """What becomes of the message of a task that raised, and of what middlewares made of that."""
    match error:
        case TaskRetryError():
            return Release(error.delay)
        case TaskRejectedError():
            return Bury("rejected by the task")
        case _ if BURY in labels:
            return Bury(str(labels[BURY]), describe(error))
        case _:
            return ACK


def describe(error: BaseException) -> str:
    """An exception in one line: its type and its message."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _spare_from_cancellation() -> None:
    """Have a worker that ends wait for the settlement that begins here."""
    task = asyncio.current_task()
    if isinstance(task, DeliveryTask):
        task.is_settling = True


class Settler:
    """Settles deliveries by their outcomes; the only caller of ack, release and bury.

    What a broker can't do is emulated: a release by sending the message again and acknowledging
    this one, a burial by a log record with the bytes, and an acknowledgement.
    """

    def __init__(self, broker: AbstractBroker) -> None:
        abilities = broker.capabilities or frozenset()
        self._broker = broker
        self._can_release = Capability.RELEASE in abilities
        self._can_bury = Capability.DEAD_LETTER in abilities
        self._hurry = asyncio.Event()
        self._resending: set[asyncio.Task[None]] = set()

    async def settle(self, delivery: Delivery, outcome: Outcome) -> bool:
        """Tell the broker; whether that was done.

        A failure is logged, and the broker will deliver the message again.
        """
        _spare_from_cancellation()
        try:
            match outcome:
                case Ack():
                    await delivery.ack()
                case Release(delay):
                    await self._release(delivery, delay)
                case Bury():
                    await self._bury(delivery, outcome)
                case Leave():
                    pass
        except LeaseLostError as lost:
            logger.warning("A delivery came too late to be settled (%s): %s", outcome, lost)
        except Exception as error:
            logger.error(  # noqa: TRY400  # of a connection, no traceback tells more
                "A delivery could not be settled (%s) and will come again: %s",
                outcome,
                reason_of(error),
                exc_info=None if isinstance(error, TaskiqError) else error,
            )
        else:
            return True
        return False

    async def send_again(self, delivery: Delivery, delay: float) -> None:
        """Have a task tried again whose delivery was acknowledged before: its message is sent anew.

        Args:
            delivery: has the message.
            delay: seconds before that; a worker that leaves does not wait for them.
        """
        await self._after(delay, partial(self._send_copy, delivery))

    async def close(self) -> None:
        """Send at once what waits to be sent again, and wait for it."""
        self._hurry.set()
        await asyncio.gather(*self._resending)
        self._hurry.clear()

    async def _release(self, delivery: Delivery, delay: float) -> None:
        if self._can_release and not isinstance(delivery, AckOnlyDelivery):
            await delivery.release(delay)
        else:
            await self._after(delay, partial(self._resend, delivery))

    async def _bury(self, delivery: Delivery, outcome: Bury) -> None:
        if self._can_bury and not isinstance(delivery, AckOnlyDelivery):
            await delivery.bury(outcome.reason, outcome.error)
            return
        logger.error(
            "%s has no dead letters, this message is dropped (%s): %r",
            type(self._broker).__name__,
            outcome.reason,
            delivery.data,
        )
        await delivery.ack()

    async def _after(self, delay: float, send: Callable[[], Awaitable[None]]) -> None:
        """Send now, or beside what else the worker does when the delay is over."""
        if delay <= 0:
            await send()
            return
        resending = asyncio.create_task(self._send_later(delay, send))
        self._resending.add(resending)
        resending.add_done_callback(self._resending.discard)

    async def _send_later(self, delay: float, send: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._hurry.wait()
        except TimeoutError:
            pass
        try:
            await send()
        except Exception:
            logger.exception("A delivery could not be sent again")

    async def _resend(self, delivery: Delivery) -> None:
        # Stored again before this one is forgotten: a crash in between delivers it twice, not
        # never.
        await self._send_copy(delivery)
        await delivery.ack()

    async def _send_copy(self, delivery: Delivery) -> None:
        formatter = self._broker.formatter
        message = formatter.loads(delivery.data)
        message.labels.pop(DELAY, None)
        message.labels[REQUEUE] = str(attempt_of(message.labels) - 1 + delivery.attempt)
        message.labels_types = {**(message.labels_types or {}), REQUEUE: LabelType.INT.value}
        await self._broker.kick(formatter.dumps(message))
