"""Giving back what workers of the same supervisor held that died."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from taskiq_cli.processes.parent_watch import ParentWatch
from taskiq_cli.processes.status_pipe import StatusPipe
from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_core.receiver import Receiver

logger = get_logger(__name__)

RETRY_BASE: Final = 0.2
"""Upper bound of the first wait before it is tried again, in seconds."""
RETRY_CAP: Final = 5.0
"""Upper bound of every such wait, in seconds."""


async def reclaim_from_siblings(
    receiver: Receiver, parent: ParentWatch, status: StatusPipe
) -> None:
    """Give back what dead workers held, as the supervisor names them, until this is cancelled.

    Args:
        receiver: has the broker, which is started.
        parent: where the supervisor names dead workers.
        status: where it hears that their messages were given back.
    """
    loop, dead = asyncio.get_running_loop(), asyncio.Queue[str]()

    def hear(worker_id: str) -> None:
        with suppress(RuntimeError):  # the event loop is closed: this worker has ended
            loop.call_soon_threadsafe(dead.put_nowait, worker_id)

    parent.when_told(hear)
    while True:
        worker_id = await dead.get()
        await _reclaim(receiver, worker_id)
        status.reclaimed(worker_id)


async def _reclaim(receiver: Receiver, worker_id: str) -> None:
    attempt = 0
    while True:
        attempt += 1
        try:
            await receiver.reclaim_from(worker_id)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            delay = backoff_delay(attempt, base=RETRY_BASE, cap=RETRY_CAP, rng=random)
            logger.warning(
                "What worker %s held can't be given back, trying again in %.1f s: %s",
                worker_id,
                delay,
                reason_of(error),
            )
            await asyncio.sleep(delay)
        else:
            return
