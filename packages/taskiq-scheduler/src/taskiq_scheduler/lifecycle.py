"""Start-up and end of a scheduler: its sources one after another, and its broker."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_scheduler.scheduler import TaskiqScheduler

logger = get_logger(__name__)

START_TIMEOUT: Final = 120.0
"""Seconds that a source may take to start up, or to list its schedules."""
STOP_TIMEOUT: Final = 5.0
"""Seconds that a source may take to stop."""


async def start(scheduler: TaskiqScheduler) -> list[ScheduleSource]:
    """Start the sources in their order, then the broker.

    Returns:
        The sources that failed, which are tried again later.

    Raises:
        Exception: what the broker raised; the sources are stopped again, the last one first.
    """
    failed = await start_sources(scheduler.sources)
    try:
        await scheduler.startup()
    except BaseException:
        await stop_sources(reversed(scheduler.sources))
        raise
    return failed


async def stop(scheduler: TaskiqScheduler) -> None:
    """Stop the broker, then the sources in their order; each is stopped whatever the others do."""
    try:
        await scheduler.shutdown()
    finally:
        await stop_sources(scheduler.sources)


async def start_sources(sources: Sequence[ScheduleSource]) -> list[ScheduleSource]:
    """Start sources one after another.

    Returns:
        The sources that failed.
    """
    return [source for source in sources if not await _start(source)]


async def stop_sources(sources: Iterable[ScheduleSource]) -> None:
    """Stop sources one after another; one that hangs or fails keeps no other from it."""
    for source in sources:
        await _stop(source)


async def _start(source: ScheduleSource) -> bool:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await source.startup()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s can't be started, it is tried again: %s", type(source).__name__, reason_of(error)
        )
        return False
    return True


async def _stop(source: ScheduleSource) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await source.shutdown()
    except Exception as error:  # noqa: BLE001  # any source
        logger.warning(
            "%s was not stopped well: %s",
            type(source).__name__,
            str(error) or f"it took longer than {STOP_TIMEOUT:g} s",
        )
