"""`taskiq scheduler`."""

import asyncio
from typing import Any

import click

from taskiq_cli.option_types import Integer, Number
from taskiq_core.loading.task_modules import DEFAULT_PATTERNS
from taskiq_scheduler.commands.options import application_options

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@application_options(DEFAULT_PATTERNS)
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="INFO",
    help="What to log.",
)
@click.option(
    "--no-configure-logging",
    "configure_logging",
    is_flag=True,
    flag_value=False,
    default=True,
    show_default=False,
    help="Leave logging to the application.",
)
@click.option(
    "--skip-first-run", is_flag=True, help="Leave out the cron lines of the current minute."
)
@click.option(
    "--update-interval",
    type=Integer(min=0),
    help="Seconds between two looks at sources that don't say when they change; 60 without it.",
)
@click.option(
    "--loop-interval",
    type=Integer(min=0),
    help="Seconds at least between two looks at what is due; none without it.",
)
@click.option(
    "--send-timeout",
    type=Number(min=0, min_open=True),
    help="Seconds until sending a task is tried again; 30 without it.",
)
def scheduler(scheduler: str, modules: tuple[str, ...], **options: Any) -> None:
    """Send tasks when their schedules say.

    SCHEDULER is where the scheduler is, such as app.tkq:scheduler. MODULES are imported for the
    tasks that they declare, such as app.tasks.
    """
    from taskiq_core.loading.log_level import LogLevel
    from taskiq_scheduler.arguments import SchedulerArgs
    from taskiq_scheduler.process import run_scheduler

    options["log_level"] = LogLevel[options["log_level"]]
    asyncio.run(run_scheduler(SchedulerArgs(scheduler=scheduler, modules=[*modules], **options)))
