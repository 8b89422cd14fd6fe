"""What a worker does beside running tasks: reclaims, and hears of aborts."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.capabilities import Capability

logger = logging.getLogger(__name__)

REOPEN_BASE: Final = 0.5
"""Upper bound of the first wait before aborts are listened to again, in seconds."""
REOPEN_CAP: Final = 30.0
"""Upper bound of every such wait, in seconds."""


async def reclaim_regularly(broker: AbstractBroker) -> None:
    """Have expired deliveries of dead workers delivered again, until this is cancelled.

    On a timer of its own: on an idle queue nothing else would notice them.
    """
    if Capability.LEASE not in (broker.capabilities or ()):
        return
    while True:
        # So that many workers do not ask all at once.
        await asyncio.sleep(broker.reclaim_interval * random.uniform(0.8, 1.2))
        try:
            count = await broker.reclaim()
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning(
                "Expired deliveries can't be reclaimed: %s", error or type(error).__name__
            )
        else:
            if count:
                logger.warning("Messages of workers that are gone, delivered again: %d", count)


async def hear_aborts(broker: AbstractBroker, abort: Callable[[str], object]) -> None:
    """Abort tasks that the broker names, until this is cancelled.

    Args:
        broker: whose aborts to listen to.
        abort: called with the id of each task.
    """
    if Capability.ABORT not in (broker.capabilities or ()):
        return
    failures = 0
    while True:
        try:
            async with aclosing(broker.aborts()) as task_ids:
                async for task_id in task_ids:
                    failures = 0
                    abort(task_id)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning("Aborts can't be listened to: %s", error or type(error).__name__)
        failures += 1
        await asyncio.sleep(
            backoff_delay(failures, base=REOPEN_BASE, cap=REOPEN_CAP, rng=random),
        )
