"""A scheduler's process: load it, start it up, serve it, shut it down."""

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
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.errors import NotASchedulerError
from taskiq_scheduler.label_source import LabelScheduleSource
from taskiq_scheduler.loop import SchedulerLoop
from taskiq_scheduler.scheduler import TaskiqScheduler
from taskiq_scheduler.watching import start_sources, stop_sources

logger = logging.getLogger(__name__)

LOG_FORMAT = "[%(asctime)s][%(name)s][%(levelname)-7s][%(processName)s] %(message)s"


async def run_scheduler(args: SchedulerArgs) -> None:
    """Serve a scheduler until this is cancelled, or the process gets SIGINT or SIGTERM.

    Raises:
        LoadError: the scheduler or a task module can't be imported.
        NotASchedulerError: what was imported is no scheduler.
        ScheduleLabelError: the label `schedule` of a task is no list of dicts.
    """
    if args.configure_logging:
        logging.basicConfig(level=args.log_level, format=LOG_FORMAT)
        logging.getLogger("taskiq").setLevel(args.log_level)
    scheduler = await load_scheduler(args)
    check_labels(scheduler)
    scheduler.broker.is_scheduler_process = True
    await scheduler.startup()
    try:
        failed = await start_sources(scheduler.sources)
        logger.info("Scheduler started. Sources: %d", len(scheduler.sources))
        await _serve(scheduler, args, failed)
    finally:
        await stop_sources(scheduler.sources)
        await scheduler.shutdown()


async def load_scheduler(args: SchedulerArgs) -> TaskiqScheduler:
    """The scheduler that the options name, and the modules that declare its tasks."""
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
    import_tasks(list(args.modules), tuple(args.tasks_pattern), args.fs_discover)
    return found


def check_labels(scheduler: TaskiqScheduler) -> None:
    """Refuse tasks whose label `schedule` is no list of dicts; raises ScheduleLabelError."""
    for source in scheduler.sources:
        if isinstance(source, LabelScheduleSource):
            source.check_labels()


async def get_schedules(source: ScheduleSource) -> list[ScheduledTask]:
    """The schedules of a source; none, and a log record, if it fails."""
    try:
        return await source.get_schedules()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning("%s can't be asked for its schedules: %s", type(source).__name__, error)
        return []


async def get_all_schedules(
    scheduler: TaskiqScheduler,
) -> list[tuple[ScheduleSource, list[ScheduledTask]]]:
    """The schedules of all sources."""
    found = await asyncio.gather(*map(get_schedules, scheduler.sources))
    return list(zip(scheduler.sources, found, strict=True))


async def send(scheduler: TaskiqScheduler, source: ScheduleSource, task: ScheduledTask) -> None:
    """Send the task of a schedule now."""
    await scheduler.on_ready(source, task)


async def send_with_timeout(
    scheduler: TaskiqScheduler, source: ScheduleSource, task: ScheduledTask, timeout: float
) -> None:
    """The same; raises TimeoutError after so many seconds."""
    async with asyncio.timeout(timeout):
        await scheduler.on_ready(source, task)


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


def _seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


def _on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not in every thread, and not on every system.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
