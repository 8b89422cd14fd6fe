"""The consume loop: from a broker's stream of deliveries into the pool, for as long as it takes."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.delivery import Delivery
from taskiq_core.exceptions import ListenError
from taskiq_core.flow.backoff import backoff_delay
from taskiq_core.flow.pool import DeliveryPool

logger = logging.getLogger(__name__)

RECONNECT_BASE: Final = 0.5
"""Upper bound of the first wait before a broken stream is opened again, in seconds."""
RECONNECT_CAP: Final = 30.0
"""Upper bound of every such wait, in seconds."""


async def consume(
    broker: AbstractBroker,
    pool: DeliveryPool[Delivery],
    *,
    take: Callable[[], bool],
) -> None:
    """Submit what the broker delivers, never more than the pool has slots for.

    A stream that breaks is opened again after a jittered back-off; what runs goes on meanwhile.
    Returns when the broker's stream ends by itself.

    Args:
        broker: whose deliveries to run.
        pool: where they run.
        take: called for each delivery; False ends the loop.

    Raises:
        ListenError: the broker can't be listened to at all.
    """
    failures = 0
    while True:
        try:
            await pool.slots.wait_free()
            async with aclosing(broker.deliveries(pool.slots)) as deliveries:
                async for delivery in deliveries:
                    failures = 0
                    pool.submit(delivery)
                    if not take():
                        return
                    if pool.slots.taken >= pool.slots.limit:
                        await pool.slots.wait_free()
        except ListenError:
            raise
        except Exception as error:  # any broker, any failure of its connection
            failures += 1
            delay = backoff_delay(failures, base=RECONNECT_BASE, cap=RECONNECT_CAP, rng=random)
            logger.warning(
                "%s can't be listened to (%s: %s); trying again in %.1f s",
                type(broker).__name__,
                type(error).__name__,
                error,
                delay,
                exc_info=failures == 1,
            )
            await asyncio.sleep(delay)
        else:
            return
