"""What a broker notifies its workers of: aborts, and the loss of deliveries without a lease."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.outage import Outage
from taskiq_core.capabilities import Capability
from taskiq_core.messages.delivery import Delivery

_Notice = TypeVar("_Notice")


@dataclass(frozen=True, slots=True)
class _Reopening:
    """How a subscription that broke is opened again.

    Attributes:
        activity: for the log, a sentence.
        base: upper bound of the first wait, in seconds.
        cap: upper bound of every wait, in seconds.
    """

    activity: str
    base: float
    cap: float


ABORTS: Final = _Reopening("Aborts can't be listened for", base=0.5, cap=30.0)
LOSSES: Final = _Reopening("Lost deliveries can't be listened for", base=0.1, cap=5.0)
"""Sooner than aborts: until then a task that another worker runs, too, goes on."""


async def hear_aborts(
    broker: AbstractBroker, abort: Callable[[str], object], outage: Outage
) -> None:
    """Abort tasks that the broker names, until this is cancelled.

    Args:
        broker: whose aborts to listen for.
        abort: called with the id of each task.
        outage: logs failures.
    """
    if Capability.ABORT_RUNNING in (broker.capabilities or ()):
        await _hear(broker.aborts, abort, ABORTS, outage)


async def hear_losses(
    broker: AbstractBroker, lose: Callable[[Delivery], object], outage: Outage
) -> None:
    """Have the tasks stopped whose deliveries a broker names as lost, until this is cancelled.

    Args:
        broker: whose losses to listen for.
        lose: called with each lost delivery.
        outage: logs failures.
    """
    if type(broker).lost is not AbstractBroker.lost:
        await _hear(broker.lost, lose, LOSSES, outage)


async def _hear(
    subscribe: Callable[[], AsyncGenerator[_Notice, None]],
    handle: Callable[[_Notice], object],
    reopening: _Reopening,
    outage: Outage,
) -> None:
    failures = 0
    while True:
        try:
            async with aclosing(subscribe()) as notices:
                async for notice in notices:
                    failures = 0
                    outage.succeeded(reopening.activity)
                    handle(notice)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            outage.failed(reopening.activity, error)
        failures += 1
        await asyncio.sleep(
            backoff_delay(failures, base=reopening.base, cap=reopening.cap, rng=random),
        )
