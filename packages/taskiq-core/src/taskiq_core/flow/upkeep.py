"""What a worker looks after on a timer: messages of dead workers, and expired ones."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.brokers.outage import Outage
from taskiq_core.capabilities import Capability
from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery

logger = get_logger(__name__)

RECLAIM: Final = "Messages of dead workers can't be reclaimed"
EXPIRE: Final = "Expired messages can't be looked for"
REFUSED_AT_ONCE: Final = 16
"""Expired messages that are refused at the same time."""


async def reclaim_regularly(broker: AbstractBroker, outage: Outage) -> None:
    """Have expired deliveries of dead workers delivered again, until this is cancelled.

    On a timer of its own: on an idle queue nothing else would notice them. Not for brokers whose
    server does it.
    """
    if broker.reclaims_itself or Capability.LEASE not in (broker.capabilities or ()):
        return
    while True:
        # So that many workers do not ask all at once.
        await asyncio.sleep(broker.reclaim_interval * random.uniform(0.8, 1.2))
        try:
            count = await broker.reclaim()
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            outage.failed(RECLAIM, error)
        else:
            outage.succeeded(RECLAIM)
            if count:
                logger.warning("Messages of workers that are gone, delivered again: %d", count)


async def expire_regularly(
    broker: AbstractBroker, refuse: Callable[[Delivery], Awaitable[None]], outage: Outage
) -> None:
    """Refuse expired messages, although all slots may be taken, until this is cancelled.

    Args:
        broker: whose queue to look through.
        refuse: ends an expired delivery; called for a few of them at once.
        outage: logs failures.
    """
    if Capability.EXPIRY not in (broker.capabilities or ()):
        return
    while True:
        await asyncio.sleep(broker.reclaim_interval * random.uniform(0.8, 1.2))
        try:
            while expired := await broker.expire_queued():
                for first in range(0, len(expired), REFUSED_AT_ONCE):
                    chunk = expired[first : first + REFUSED_AT_ONCE]
                    await asyncio.gather(*map(refuse, chunk))
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            outage.failed(EXPIRE, error)
        else:
            outage.succeeded(EXPIRE)
