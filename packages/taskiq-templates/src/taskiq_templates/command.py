"""`taskiq new`."""

from pathlib import Path

import click

from taskiq_core.exceptions import TaskiqError
from taskiq_templates.make import PluginKind, make_plugin


@click.command
@click.argument("kind", type=click.Choice([each.value for each in PluginKind]))
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Write it here.  [default: a new folder taskiq-NAME]",
)
def new(kind: str, name: str, folder: Path | None) -> None:
    """Make a plugin that builds, installs and passes its tests.

    A new broker keeps its messages as files and passes the contract tests: replace its queue with
    your server, step by step. NAME is lower-case, such as amqp for a package taskiq-amqp.
    """
    try:
        made = make_plugin(PluginKind(kind), name, folder)
    except TaskiqError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"Made {made}. Next:\n\n"
        f"  cd {made}\n"
        "  python -m pip install --editable . --group test\n"
        "  pytest\n"
        "  taskiq plugins"
    )
