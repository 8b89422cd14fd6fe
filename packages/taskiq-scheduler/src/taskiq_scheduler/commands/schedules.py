"""`taskiq schedules`: what a scheduler with the same arguments would send, and when."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import click

from taskiq_cli.options import DEFAULT_PATTERNS
from taskiq_scheduler.commands.options import application_options


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@application_options(DEFAULT_PATTERNS)
def schedules(scheduler: str, modules: tuple[str, ...], **options: Any) -> None:
    """List schedules with their source, their last tick and their next three.

    Times are those of each schedule's own time zone. Sources are asked, nothing is sent.
    """
    from taskiq_scheduler.arguments import SchedulerArgs

    args = SchedulerArgs(scheduler=scheduler, modules=[*modules], **options)
    click.echo(asyncio.run(_report(args)))


async def _report(args: Any) -> str:
    from taskiq_cli.tables import table
    from taskiq_scheduler.report import HEADINGS, describe
    from taskiq_scheduler.running import load_scheduler

    found = await load_scheduler(args)
    rows: list[tuple[str, ...]] = []
    for source in found.sources:
        await source.startup()
        try:
            for schedule in await source.get_schedules():
                last = await source.last_tick(schedule.schedule_id)
                rows.append(describe(source, schedule, last, datetime.now(UTC), found.broker))
        except Exception as error:  # noqa: BLE001  # one source must not hide the others
            rows.append((type(source).__name__, "-", "-", f"can't be asked: {error}", "-", "-"))
        finally:
            await source.shutdown()
    if not rows:
        return "There are no schedules. Name the modules that declare the tasks, or give -fsd."
    return table(HEADINGS, sorted(rows))
