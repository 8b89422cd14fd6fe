"""Giving back at once what dead workers held, where their death is certain."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Final

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import reason_of
from taskiq_core.flow.process_facts import process_exists, process_space
from taskiq_core.loggers import get_logger
from taskiq_core.messages.worker_record import WorkerRecord

logger = get_logger(__name__)

LOOK_INTERVAL: Final = 5.0
"""Seconds between two looks at the records of workers."""
CROWD: Final = 20
"""Number of workers from which on each looks less often, so that the store has as much to do."""


async def reclaim_from(broker: AbstractBroker, worker_id: str) -> int:
    """Have what a dead worker held delivered again, and forget its record.

    Args:
        broker: whose worker it was.
        worker_id: of a process that is certain to have ended.

    Returns:
        The number of messages given back; 0 where the broker lacks PRESENCE.
    """
    if broker.reclaims_itself or Capability.PRESENCE not in (broker.capabilities or ()):
        return 0
    count = await broker.reclaim(owner=worker_id)
    await broker.withdraw(worker_id)
    if count:
        logger.warning("Worker %s is dead; messages given back: %d", worker_id, count)
    return count


async def reclaim_from_neighbours(broker: AbstractBroker) -> None:
    """Give back what workers held whose processes on this machine are gone, until cancelled.

    A supervisor sees the death of its own workers. This is for those whose supervisor died with
    them.
    """
    space = process_space()
    if (
        space is None
        or broker.reclaims_itself
        or Capability.PRESENCE not in (broker.capabilities or ())
    ):
        return
    neighbours = Neighbours(space)
    while True:
        count = 0
        try:
            records = await broker.workers()
            count = len(records)
            for worker_id in neighbours.dead(records):
                await reclaim_from(broker, worker_id)
                neighbours.forget(worker_id)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            logger.warning("Dead workers can't be looked for: %s", reason_of(error))
        await asyncio.sleep(LOOK_INTERVAL * max(1.0, count / CROWD) * random.uniform(0.8, 1.2))


class Neighbours:
    """The workers whose processes can be seen from this one.

    A record that has ended proves nothing: a task may block the event loop of its worker for longer
    than that, and the lease of its message is what protects it. A process that does not exist does.

    Args:
        space: the `process_space` of this process.
        exists: whether a process exists.
    """

    def __init__(self, space: str, exists: Callable[[int], bool] = process_exists) -> None:
        self._space = space
        self._exists = exists
        self._pids: dict[str, int] = {}

    def dead(self, records: Iterable[WorkerRecord]) -> list[str]:
        """Return the workers that have ended, of those in these and in earlier records."""
        for record in records:
            if record.process_space == self._space:
                self._pids[record.worker_id] = record.pid
        return [worker_id for worker_id, pid in self._pids.items() if not self._exists(pid)]

    def forget(self, worker_id: str) -> None:
        """Look no longer for a worker."""
        self._pids.pop(worker_id, None)
