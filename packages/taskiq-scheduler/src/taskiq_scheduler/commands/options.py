"""The options of both commands: where the application is."""

from collections.abc import Callable
from typing import Any

import click

from taskiq_cli.option_types import FOLDER

Command = Callable[..., Any]


def application_options(patterns: tuple[str, ...]) -> Callable[[Command], Command]:
    """SCHEDULER and MODULES, and how they are found.

    Args:
        patterns: what `--fs-discover` imports if nothing else is said.
    """
    options = (
        click.argument("scheduler", metavar="SCHEDULER"),
        click.argument("modules", nargs=-1, metavar="[MODULES]..."),
        click.option(
            "--app-dir",
            "-d",
            metavar="FOLDER",
            type=FOLDER,
            help="Import the application from here.",
        ),
        click.option(
            "--tasks-pattern",
            "-tp",
            metavar="GLOB",
            multiple=True,
            default=patterns,
            help="Files that --fs-discover imports; may be given several times.",
        ),
        click.option(
            "--fs-discover",
            "-fsd",
            is_flag=True,
            help="Import the modules that match --tasks-pattern.",
        ),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add
