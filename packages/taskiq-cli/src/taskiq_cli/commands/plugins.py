"""`taskiq plugins`: what is installed; connects to nothing, and does not import the application."""

from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.render_plugins import as_json, capabilities, details, overview
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.failure import Failure
from taskiq_cli.no_plugin_option import no_plugin_option
from taskiq_core.plugins import PluginInfo, PluginStatus, load_plugins
from taskiq_core.plugins.settings import read_settings

if TYPE_CHECKING:
    from taskiq_core.plugins.registry import PluginRegistry


@click.command()
@click.argument("name", required=False)
@click.option("--capabilities", "show_capabilities", is_flag=True, help="What each broker can do.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.option(
    "--check", is_flag=True, help="Fail if a plugin is out of order, or a required one missing."
)
@no_plugin_option
@click.pass_context
def plugins(
    context: click.Context, name: str | None, show_capabilities: bool, json_: bool, check: bool
) -> None:
    """List the installed plugins, or all about the one called NAME.

    Plugins that are broken, incompatible, disabled or in conflict are listed with the reason and
    the cure; they do no harm, so the exit status is 0 unless --check is given.
    """
    settings = read_settings()
    registry = load_plugins(disabled=settings.disabled_plugins, prefer=settings.prefer)
    chosen = _choose(registry, name)
    if json_:
        click.echo(as_json(chosen))
    elif show_capabilities:
        click.echo(capabilities(chosen))
    else:
        click.echo(details(chosen) if name else overview(chosen))
    if check:
        if settings.required_plugins:
            # Raises for one that is missing.
            load_plugins(
                disabled=settings.disabled_plugins,
                required=settings.required_plugins,
                prefer=settings.prefer,
            )
        if any(plugin.status is not PluginStatus.OK for plugin in chosen):
            context.exit(ExitCode.FAILURE)


def _choose(registry: "PluginRegistry", name: str | None) -> tuple[PluginInfo, ...]:
    if name is None:
        return registry.plugins
    chosen = registry.find(name)
    if chosen:
        return chosen
    known = ", ".join(plugin.name for plugin in registry.plugins)
    raise Failure(f"There is no plugin {name!r}. Installed are: {known}.", ExitCode.USAGE)
