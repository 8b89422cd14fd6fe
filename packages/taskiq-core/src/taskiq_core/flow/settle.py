"""The one place where deliveries are settled."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.asynctools import maybe_awaitable
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import (
    LeaseLostError,
    TaskiqError,
    TaskRejectedError,
    TaskRetryError,
    reason_of,
)
from taskiq_core.flow.read import name_of, retries_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import (
    BURY,
    DELAY,
    RELEASE,
    REQUEUE,
    RETRIES,
    LabelType,
    attempt_of,
)
from taskiq_core.messages.outcomes import ACK, Ack, Bury, Leave, Outcome, Release

logger = get_logger(__name__)

Acknowledge = Callable[[], Awaitable[None] | None]
"""Acknowledges one message, as a plain or as an async function."""


def outcome_of_error(error: BaseException, labels: Mapping[str, Any]) -> Outcome:
    """What becomes of the message of a task that raised, and of what middlewares made of that."""
    match error:
        case TaskRetryError():
            return Release(error.delay, is_failure=error.is_failure)
        case TaskRejectedError():
            return Bury("rejected by the task")
        case _ if RELEASE in labels:
            return Release(float(labels[RELEASE]), is_failure=True)
        case _ if BURY in labels:
            return Bury(str(labels[BURY]), describe(error))
        case _:
            return ACK


def describe(error: BaseException) -> str:
    """An exception in one line: its type and its message."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


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

    def can_release(self, delivery: Delivery) -> bool:
        """Return whether the broker takes this delivery back, so that nothing is sent anew."""
        return self._can_release and not delivery.is_ack_only

    async def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge a delivery before its task has ended. Errors of the broker are raised."""
        await delivery.ack()

    async def settle(
        self, delivery: Delivery, outcome: Outcome, *, ack: Acknowledge | None = None
    ) -> bool:
        """Settle a delivery; a failure is logged, and the broker will deliver the message again.

        Args:
            delivery: what to settle.
            outcome: how.
            ack: called in place of `delivery.ack`.

        Returns:
            Whether the broker has done it.
        """
        try:
            match outcome:
                case Ack():
                    await (delivery.ack() if ack is None else maybe_awaitable(ack()))
                case Release():
                    await self._release(delivery, outcome)
                case Bury():
                    await self._bury(delivery, outcome)
                case Leave():
                    pass
        except LeaseLostError as lost:
            logger.warning(
                "%s was too late to be settled (%s): %s", self._name_of(delivery), outcome, lost
            )
        except Exception as error:
            logger.error(  # noqa: TRY400  # of a connection, no traceback tells more
                "%s could not be settled (%s) and will come again: %s",
                self._name_of(delivery),
                outcome,
                reason_of(error),
                exc_info=None if isinstance(error, TaskiqError) else error,
            )
        else:
            return True
        return False

    async def send_again(self, delivery: Delivery, outcome: Release) -> None:
        """Have a task tried again whose delivery was acknowledged before: its message is sent anew.

        Args:
            delivery: has the message.
            outcome: says when; a worker that leaves does not wait for that.
        """
        await self._after(delivery, outcome.delay, partial(self._send_copy, delivery, outcome))

    async def close(self) -> None:
        """Send at once what waits to be sent again, and wait for it."""
        self._hurry.set()
        await asyncio.gather(*self._resending)
        self._hurry.clear()

    async def _release(self, delivery: Delivery, outcome: Release) -> None:
        if not self.can_release(delivery):
            await self._after(delivery, outcome.delay, partial(self._resend, delivery, outcome))
            return
        if outcome.is_failure and delivery.failures is not None:
            delivery.failures += 1
        await delivery.release(outcome.delay)

    async def _bury(self, delivery: Delivery, outcome: Bury) -> None:
        if self._can_bury and not delivery.is_ack_only:
            await delivery.bury(outcome.reason, outcome.error)
            return
        logger.error(
            "%s has no dead letters, %s is dropped (%s): %r",
            type(self._broker).__name__,
            self._name_of(delivery),
            outcome.reason,
            delivery.data,
        )
        await delivery.ack()

    async def _after(
        self, delivery: Delivery, delay: float, send: Callable[[], Awaitable[None]]
    ) -> None:
        """Send now, or beside what else the worker does when the delay is over."""
        if delay <= 0:
            await send()
            return
        resending = asyncio.create_task(self._send_later(delivery, delay, send))
        self._resending.add(resending)
        resending.add_done_callback(self._resending.discard)

    async def _send_later(
        self, delivery: Delivery, delay: float, send: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._hurry.wait()
        except TimeoutError:
            pass
        try:
            await send()
        except Exception:
            logger.exception("%s could not be sent again", self._name_of(delivery))

    async def _resend(self, delivery: Delivery, outcome: Release) -> None:
        # Stored again before this one is forgotten: a crash in between delivers it twice, not
        # never.
        await self._send_copy(delivery, outcome)
        await delivery.ack()

    def _name_of(self, delivery: Delivery) -> str:
        return name_of(delivery, self._broker.formatter)

    async def _send_copy(self, delivery: Delivery, outcome: Release) -> None:
        formatter = self._broker.formatter
        message = formatter.loads(delivery.data)
        labels = message.labels
        labels.pop(DELAY, None)
        retries = retries_of(labels, delivery) + outcome.is_failure
        labels[REQUEUE] = str(attempt_of(labels) - 1 + delivery.attempt)
        types = {**(message.labels_types or {}), REQUEUE: LabelType.STR.value}
        if retries:
            labels[RETRIES] = str(retries)
            types[RETRIES] = LabelType.INT.value
        message.labels_types = types
        await self._broker.kick(formatter.dumps(message))
