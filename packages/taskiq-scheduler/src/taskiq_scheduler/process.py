"""Running a scheduler in a process of its own: load, start, serve, stop."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.loading.factories import await_factory
from taskiq_core.loading.objects import extend_import_path, import_object
from taskiq_core.loading.task_modules import import_tasks
from taskiq_core.loggers import get_logger
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.errors import NotASchedulerError
from taskiq_scheduler.label_source import LabelScheduleSource
from taskiq_scheduler.lifecycle import start, stop
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.scheduler import TaskiqScheduler

logger = get_logger(__name__)

LOG_FORMAT = "[%(asctime)s][%(name)s][%(levelname)-7s][%(processName)s] %(message)s"


async def run_scheduler(args: SchedulerArgs) -> None:
    """Serve a scheduler until this is cancelled, or the process gets SIGINT or SIGTERM.

    Raises:
        LoadError: the scheduler or a task module can't be imported.
        NotASchedulerError: what was imported is not a scheduler.
        ScheduleLabelError: the label `schedule` of a task is not a list of dicts.
    """
    if args.configure_logging:
        logging.basicConfig(level=args.log_level, format=LOG_FORMAT)
    logging.getLogger("taskiq").setLevel(args.log_level)
    scheduler = await find_scheduler(args)
    scheduler.broker.is_scheduler_process = True  # task modules may ask
    import_task_modules(args)
    check_labels(scheduler)
    failed = await start(scheduler)
    try:
        logger.info("Scheduler started. Sources: %d", len(scheduler.sources))
        await _serve(scheduler, args, failed)
    finally:
        await stop(scheduler)


async def load_scheduler(args: SchedulerArgs) -> TaskiqScheduler:
    """Return the scheduler that the options name, once the modules of its tasks are imported."""
    scheduler = await find_scheduler(args)
    import_task_modules(args)
    return scheduler


async def find_scheduler(args: SchedulerArgs) -> TaskiqScheduler:
    """Return the scheduler that the options name.

    Raises:
        LoadError: it can't be imported.
        NotASchedulerError: what was imported is not a scheduler.
    """
    extend_import_path(args.app_dir)
    found: Any = args.scheduler
    if isinstance(args.scheduler, str):
        found = import_object(args.scheduler)
        if callable(found) and not isinstance(found, type | TaskiqScheduler):
            found = await await_factory(args.scheduler, found, product="scheduler")
    if not isinstance(found, TaskiqScheduler):
        description = f"an object of type {type(found).__name__}"
        if isinstance(found, type):
            description = f"the class {found.__name__}"
        raise NotASchedulerError(spec=str(args.scheduler), description=description)
    return found


def import_task_modules(args: SchedulerArgs) -> None:
    """Import the modules that declare the tasks."""
    import_tasks(list(args.modules), tuple(args.tasks_pattern), args.fs_discover)


def check_labels(scheduler: TaskiqScheduler) -> None:
    """Refuse tasks whose label `schedule` is not a list of dicts; raises ScheduleLabelError."""
    for source in scheduler.sources:
        if isinstance(source, LabelScheduleSource):
            source.check_labels()


async def _serve(
    scheduler: TaskiqScheduler, args: SchedulerArgs, unstarted: list[ScheduleSource]
) -> None:
    serving = asyncio.create_task(
        SchedulerLoop(scheduler).run(
            update_interval=_seconds(args.update_interval),
            loop_interval=_seconds(args.loop_interval),
            skip_first_run=args.skip_first_run,
            send_timeout=args.send_timeout,
            unstarted=unstarted,
        )
    )
    _on_signals(serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    logger.info("Scheduler stopped")


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=max(number, 1))


def _on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not in every thread, and not on every system.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
