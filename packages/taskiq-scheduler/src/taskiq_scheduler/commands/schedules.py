"""`taskiq schedules`: what a scheduler with these arguments would send, and when."""

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

    A schedule that won't fire has the reason. Times are in each schedule's own time zone.
    Sources are asked, nothing is sent. The exit status is 1 if a schedule can't be followed or a
    source can't be asked.
    """
    from taskiq_scheduler.arguments import SchedulerArgs

    args = SchedulerArgs(scheduler=scheduler, modules=[*modules], **options)
    text, is_broken = asyncio.run(_render(args))
    click.echo(text)
    if is_broken:
        raise SystemExit(1)


async def _render(args: Any) -> tuple[str, bool]:
    """Return the table, and whether a schedule in it is broken."""
    from taskiq_cli.tables import table
    from taskiq_scheduler.process import load_scheduler
    from taskiq_scheduler.schedule_table import HEADINGS, rows_of

    found = await load_scheduler(args)
    now = datetime.now(UTC)
    asked = await asyncio.gather(*(rows_of(each, found.broker, now) for each in found.sources))
    rows = [row for rows in asked for row in rows]
    if not rows:
        hint = "There are no schedules. Name the modules that declare the tasks, or give -fsd."
        return hint, False
    return table(HEADINGS, sorted(row.cells for row in rows)), any(row.is_broken for row in rows)
