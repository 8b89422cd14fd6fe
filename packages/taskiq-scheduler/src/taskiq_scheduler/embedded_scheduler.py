"""A scheduler beside the tasks of a worker process: `taskiq worker --with-scheduler`."""

import asyncio
import contextlib
import logging
from typing import Self

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.worker_service import WorkerService
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.claims import can_claim
from taskiq_scheduler.lifecycle import start, start_sources, stop, stop_sources
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.process import check_labels, load_scheduler
from taskiq_scheduler.scheduler import TaskiqScheduler

logger = logging.getLogger(__name__)


class EmbeddedScheduler(WorkerService):
    """The worker service "scheduler".

    Args:
        scheduler: the scheduler to run.
        is_first_worker: only the first worker process serves sources whose ticks can't be claimed.
    """

    def __init__(self, scheduler: TaskiqScheduler, *, is_first_worker: bool) -> None:
        self._scheduler = scheduler
        if not is_first_worker:
            served = [each for each in scheduler.sources if can_claim(each, scheduler.broker)]
            scheduler.sources = served

    @classmethod
    async def load(cls, argument: str, *, is_first_worker: bool) -> Self:
        """Import the scheduler of a path.

        Raises:
            LoadError: it can't be imported.
            NotASchedulerError: the path leads to something else.
            ScheduleLabelError: the label `schedule` of a task is not a list of dicts.
        """
        args = SchedulerArgs(scheduler=argument, modules=[], tasks_pattern=())
        found = await load_scheduler(args)
        check_labels(found)
        return cls(found, is_first_worker=is_first_worker)

    async def serve(self, broker: AbstractBroker, *, finish: asyncio.Event) -> None:
        """Serve the sources; a broker that is not the worker's is started and stopped here."""
        if not self._scheduler.sources:
            logger.info(
                "The scheduler's ticks can't be claimed: the first worker process serves them"
            )
            return
        has_own_broker = self._scheduler.broker is not broker
        scheduler = self._scheduler
        failed = await (start(scheduler) if has_own_broker else start_sources(scheduler.sources))
        logger.info("Scheduler started beside the tasks. Sources: %d", len(self._scheduler.sources))
        serving = asyncio.create_task(SchedulerLoop(self._scheduler).run(unstarted=failed))
        stopping = asyncio.create_task(finish.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            await (stop(scheduler) if has_own_broker else stop_sources(scheduler.sources))
        logger.info("Scheduler stopped")
