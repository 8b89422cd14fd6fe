"""The options by which commands find an application, passed on as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from taskiq_cli.no_plugin_option import no_plugin_option
from taskiq_cli.option_types import FOLDER
from taskiq_core.loading.task_modules import DEFAULT_PATTERNS


@dataclass(frozen=True, slots=True)
class Application:
    """Where an application is, and what of it is imported besides its broker.

    Attributes:
        app_dir: the folder that it is imported from; None for the current one.
        patterns: files with tasks to import; none without --fs-discover.
        shows_tracebacks: whether errors come with their traceback.
    """

    app_dir: str | None
    patterns: tuple[str, ...]
    shows_tracebacks: bool


def application_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it gets them as `application`."""

    @wraps(command)
    def with_application(
        *args: Any,
        app_dir: str | None,
        tasks_pattern: tuple[str, ...],
        fs_discover: bool,
        traceback: bool,
        **kwargs: Any,
    ) -> Any:
        patterns = tasks_pattern if fs_discover else ()
        return command(*args, application=Application(app_dir, patterns, traceback), **kwargs)

    decorated: Callable[..., Any] = with_application
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option(
        "--app-dir", "-d", metavar="FOLDER", type=FOLDER, help="Import the application from here."
    ),
    click.option(
        "--tasks-pattern",
        "-tp",
        metavar="GLOB",
        multiple=True,
        default=DEFAULT_PATTERNS,
        show_default=True,
        help="Files that --fs-discover imports; may be given several times.",
    ),
    click.option(
        "--fs-discover", "-fsd", is_flag=True, help="Import the modules that match --tasks-pattern."
    ),
    click.option("--traceback", is_flag=True, help="Show the traceback of what went wrong."),
    no_plugin_option,
)
