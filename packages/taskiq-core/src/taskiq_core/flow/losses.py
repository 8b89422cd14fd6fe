"""Listening to the loss of deliveries that have no lease."""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery

logger = get_logger(__name__)

REOPEN_BASE: Final = 0.1
"""Upper bound of the first wait before losses are listened to again, in seconds."""
REOPEN_CAP: Final = 5.0
"""Upper bound of every such wait, in seconds."""


async def hear_losses(broker: AbstractBroker, lose: Callable[[Delivery], None]) -> None:
    """Have the tasks stopped whose deliveries a broker names as lost, until this is cancelled.

    Args:
        broker: whose losses to listen to.
        lose: called with each lost delivery.
    """
    if type(broker).lost is AbstractBroker.lost:
        return
    failures = 0
    while True:
        try:
            async with aclosing(broker.lost()) as deliveries:
                async for delivery in deliveries:
                    failures = 0
                    lose(delivery)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning("Lost deliveries can't be listened to: %s", reason_of(error))
        failures += 1
        await asyncio.sleep(
            backoff_delay(failures, base=REOPEN_BASE, cap=REOPEN_CAP, rng=random),
        )
