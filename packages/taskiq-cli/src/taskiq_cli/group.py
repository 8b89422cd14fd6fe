"""`taskiq` itself: finds the command that was asked for, and imports no other."""

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.errors import PluginCommandError
from taskiq_cli.failure import failure
from taskiq_cli.no_plugin_option import no_plugin_option
from taskiq_cli.plugin import COMMANDS
from taskiq_cli.version import version_text
from taskiq_core.exceptions import TaskiqError
from taskiq_core.plugins.redaction import without_credentials

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from taskiq_core.plugins import CommandSpec, PluginRegistry


class TaskiqGroup(click.Group):
    """The commands of this package, of plugins and of the older group, in this order."""

    @cached_property
    def registry(self) -> "PluginRegistry":
        """The plugins; loaded only for commands that are not ours."""
        from taskiq_core.plugins import load_project_plugins

        return load_project_plugins()

    @cached_property
    def older(self) -> "dict[str, EntryPoint]":
        """The entry points of the older group."""
        from taskiq_cli.compat.command_entry_points import older_entry_points

        return older_entry_points()

    # -- listing ------------------------------------------------------------------------------

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        del ctx
        return sorted({spec.name for spec in self._specs()} | self.older.keys())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them."""
        del ctx
        lines = {spec.name: spec.help for spec in self._specs()}
        for name in self.older.keys() - lines.keys():
            if command := self._older_command(name):
                lines[name] = command.get_short_help_str()
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))

    def _specs(self) -> "list[CommandSpec]":
        try:
            plugins = list(self.registry.commands.values())
        except TaskiqError as error:
            # What is wrong with the project must not hide the help that one needs to see it.
            click.echo(f"Commands of plugins are left out: {error}", err=True)
            plugins = []
        own = {spec.name for spec in COMMANDS}
        return [*COMMANDS, *(spec for spec in plugins if spec.name not in own)]

    # -- finding ------------------------------------------------------------------------------

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and what is left for it; `taskiq app.tkq:broker` is the worker's, as ever."""
        command = self.get_command(ctx, args[0])
        if command is not None:
            return args[0], command, args[1:]
        if ":" in args[0]:
            return "worker", self.get_command(ctx, "worker"), args
        from difflib import get_close_matches

        close = get_close_matches(args[0], self.list_commands(ctx), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "`taskiq --help` lists them."
        raise click.UsageError(f"There is no command {args[0]!r}. {hint}", ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        for spec in COMMANDS:
            if spec.name == cmd_name:
                module, _, attribute = spec.target.partition(":")
                command: click.Command = getattr(import_module(module), attribute)
                return command
        if ":" in cmd_name:
            return None
        try:
            return self._plugin_command(cmd_name) or self._older_command(cmd_name)
        except TaskiqError as error:
            raise failure(error) from error

    def _plugin_command(self, name: str) -> click.Command | None:
        spec = self.registry.commands.get(name)
        if spec is None:
            return None
        command = self.registry.resolve(spec)
        if isinstance(command, click.Command):
            return command
        raise PluginCommandError(
            command=name,
            plugin=self.registry.owner(spec).label,
            reason=f"{spec.target} is of type {type(command).__name__}, not a click command",
            cure="Tell its author, or uninstall it.",
        )

    def _older_command(self, name: str) -> click.Command | None:
        from taskiq_cli.compat.command_entry_points import load_older_command

        entry_point = self.older.get(name)
        return load_older_command(entry_point) if entry_point else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of ours are one paragraph."""
        try:
            return super().invoke(ctx)
        except TaskiqError as error:
            raise failure(error) from error
        except click.ClickException as error:
            # click quotes what was typed; it declares the message final.
            error.__dict__["message"] = without_credentials(error.message)
            raise


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(version_text())
        context.exit()


@click.group(
    cls=TaskiqGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the versions and leave.",
)
@no_plugin_option
@click.pass_context
def cli(context: click.Context) -> None:
    """Distributed tasks: run workers, list plugins and tasks."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
