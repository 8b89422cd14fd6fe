"""`taskiq schedules`: what a scheduler with these arguments would send, and when."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from taskiq_core.loading.task_modules import DEFAULT_PATTERNS
from taskiq_scheduler.commands.options import application_options

if TYPE_CHECKING:
    from taskiq_scheduler.arguments import SchedulerArgs
    from taskiq_scheduler.schedule_table import Row


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@application_options(DEFAULT_PATTERNS)
@click.option("--json", "json_", is_flag=True, help="Print JSON; its moments are in UTC.")
def schedules(scheduler: str, modules: tuple[str, ...], json_: bool, **options: Any) -> None:
    """List schedules with their source, their last tick and their next three.

    A schedule that won't fire has the reason. Times are in each schedule's own time zone.
    Sources are asked, nothing is sent. The exit status is 1 if a schedule can't be followed or a
    source can't be asked.
    """
    from taskiq_scheduler.arguments import SchedulerArgs

    args = SchedulerArgs(scheduler=scheduler, modules=[*modules], **options)
    rows = asyncio.run(_rows(args))
    click.echo(_json(rows) if json_ else _table(rows))
    if any(row.is_broken for row in rows):
        raise SystemExit(1)


async def _rows(args: "SchedulerArgs") -> "list[Row]":
    from taskiq_scheduler.process import load_scheduler
    from taskiq_scheduler.schedule_table import rows_of

    found = await load_scheduler(args)
    now = datetime.now(UTC)
    asked = await asyncio.gather(*(rows_of(each, found.broker, now) for each in found.sources))
    return sorted((row for rows in asked for row in rows), key=lambda row: row.cells)


def _table(rows: "list[Row]") -> str:
    from taskiq_cli.tables import table
    from taskiq_scheduler.schedule_table import HEADINGS

    if not rows:
        return "There are no schedules. Name the modules that declare the tasks, or give -fsd."
    return table(HEADINGS, [row.cells for row in rows])


def _json(rows: "list[Row]") -> str:
    import json

    from taskiq_scheduler.schedule_table import as_object

    return json.dumps([as_object(row) for row in rows], indent=2)
