"""Commands of the older entry-point group `taskiq_cli`: subclasses of TaskiqCMD."""

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from taskiq_core.abc.cmd import TaskiqCMD

GROUP = "taskiq_cli"


def older_entry_points() -> dict[str, EntryPoint]:
    """The entry points by name; nothing is imported."""
    return {found.name: found for found in entry_points(group=GROUP)}


def load_older_command(entry_point: EntryPoint) -> click.Command | None:
    """A click command that passes its arguments on; None, and a warning, if it can't be used."""
    try:
        command = _make(entry_point)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin is isolated from the rest
        click.echo(_explain(entry_point, error), err=True)
        return None

    def run(arguments: tuple[str, ...]) -> None:
        sys.exit(command.exec(list(arguments)) or 0)

    return click.Command(
        entry_point.name,
        callback=run,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        # Options, even --help, are the command's own.
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        add_help_option=False,
        short_help=command.short_help,
        help=command.short_help,
    )


def _make(entry_point: EntryPoint) -> TaskiqCMD:
    command_class = entry_point.load()
    if isinstance(command_class, type) and issubclass(command_class, TaskiqCMD):
        return command_class()
    raise TypeError(f"{entry_point.value} is not a subclass of TaskiqCMD")


def _explain(entry_point: EntryPoint, error: BaseException) -> str:
    distribution = entry_point.dist.name if entry_point.dist else "an unknown distribution"
    return (
        f"The command {entry_point.name!r} of {distribution} is left out: it can't be loaded "
        f"({type(error).__name__}: {error}). Upgrade or uninstall {distribution}."
    )
