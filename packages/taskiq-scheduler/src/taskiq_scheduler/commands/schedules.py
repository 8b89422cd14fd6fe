"""`taskiq schedules`: what a scheduler with the same arguments would send, and when."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import click

from taskiq_core.loading.task_modules import DEFAULT_PATTERNS
from taskiq_scheduler.commands.options import application_options


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@application_options(DEFAULT_PATTERNS)
def schedules(scheduler: str, modules: tuple[str, ...], **options: Any) -> None:
    """List schedules with their source, their last tick and their next three.

    Where a schedule won't fire, it says why. Times are those of each schedule's own time zone.
    Sources are asked, nothing is sent.
    """
    from taskiq_scheduler.arguments import SchedulerArgs

    args = SchedulerArgs(scheduler=scheduler, modules=[*modules], **options)
    click.echo(asyncio.run(_report(args)))


async def _report(args: Any) -> str:
    from taskiq_cli.tables import table
    from taskiq_scheduler.report import HEADINGS, rows_of
    from taskiq_scheduler.running import load_scheduler

    found = await load_scheduler(args)
    now = datetime.now(UTC)
    asked = await asyncio.gather(*(rows_of(each, found.broker, now) for each in found.sources))
    rows = sorted(row for rows in asked for row in rows)
    if not rows:
        return "There are no schedules. Name the modules that declare the tasks, or give -fsd."
    return table(HEADINGS, rows)
