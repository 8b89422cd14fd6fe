"""A scheduler beside the tasks of a worker process: `taskiq worker --with-scheduler`."""

import asyncio
import contextlib
import logging

from taskiq_core.broker import AsyncBroker
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.claims import can_claim
from taskiq_scheduler.lifecycle import start, start_sources, stop, stop_sources
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.process import check_labels, load_scheduler
from taskiq_scheduler.scheduler import TaskiqScheduler

logger = logging.getLogger(__name__)


async def load(path: str) -> TaskiqScheduler:
    """The scheduler of a path; the worker has imported the modules of its tasks.

    Raises:
        LoadError: it can't be imported.
        NotASchedulerError: what was imported is not a scheduler.
        ScheduleLabelError: the label `schedule` of a task is not a list of dicts.
    """
    found = await load_scheduler(SchedulerArgs(scheduler=path, modules=[], tasks_pattern=()))
    check_labels(found)
    return found


async def serve(
    scheduler: TaskiqScheduler, *, broker: AsyncBroker, is_first: bool, finish: asyncio.Event
) -> None:
    """Serve a scheduler's sources until the worker is told to leave.

    Args:
        scheduler: what to serve.
        broker: the worker's own, which is started; if the scheduler has another one, it is started
            and stopped here.
        is_first: whether this is the first worker process: it alone serves sources whose ticks
            can't be claimed.
        finish: when to stop.
    """
    if not is_first:
        served = [each for each in scheduler.sources if can_claim(each, scheduler.broker)]
        scheduler.sources = served
    if not scheduler.sources:
        logger.info("The scheduler's ticks can't be claimed: the first worker process serves them")
        return
    has_own_broker = scheduler.broker is not broker
    failed = await (start(scheduler) if has_own_broker else start_sources(scheduler.sources))
    logger.info("Scheduler started beside the tasks. Sources: %d", len(scheduler.sources))
    serving = asyncio.create_task(SchedulerLoop(scheduler).run(unstarted=failed))
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
