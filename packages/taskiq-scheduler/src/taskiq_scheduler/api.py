"""run_scheduler_task: a scheduler inside a program of one's own."""

from datetime import timedelta

from taskiq_scheduler.lifecycle import start, start_sources
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.scheduler import TaskiqScheduler


async def run_scheduler_task(
    scheduler: TaskiqScheduler,
    run_startup: bool = False,
    interval: timedelta | None = None,
    loop_interval: timedelta | None = None,
) -> None:
    """Serve a scheduler's sources until this is cancelled, in an asyncio task of its own.

    Args:
        scheduler: what to serve.
        run_startup: whether to start the broker, too, after the sources.
        interval: how often sources are read that do not say when their schedules change; a minute
            if it is None.
        loop_interval: the shortest time between two looks at what is due.
    """
    failed = await (start(scheduler) if run_startup else start_sources(scheduler.sources))
    await SchedulerLoop(scheduler).run(
        update_interval=interval, loop_interval=loop_interval, unstarted=failed
    )
