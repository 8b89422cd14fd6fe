"""`BROKER_PATH [MODULES...]`, where [tool.taskiq] may give the first."""

import click

from taskiq_cli.errors import ObjectPathError
from taskiq_cli.loading.paths import split_path


def broker_and_modules(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The broker's path and the modules.

    The first argument is the broker's path if it has a colon, or if the project configures none.

    Raises:
        UsageError: there is no path, or it is not of the form module:object.
        PluginSettingsError: [tool.taskiq] can't be used.
    """
    if arguments and ":" in arguments[0]:
        return _checked(arguments[0]), arguments[1:]
    from taskiq_core.plugins.settings import read_settings

    settings = read_settings()
    if settings.broker:
        return _checked(settings.broker), arguments
    if arguments:
        return _checked(arguments[0]), arguments[1:]
    raise click.UsageError(
        "Which broker? Give its path, such as app.tkq:broker, or write it into pyproject.toml: "
        '[tool.taskiq] broker = "app.tkq:broker"'
    )


def _checked(path: str) -> str:
    try:
        split_path(path)
    except ObjectPathError as error:
        raise click.UsageError(str(error)) from error
    return path


def check_required_plugins() -> None:
    """Load the plugins if the project requires some; raises where one is missing or broken."""
    from taskiq_core.plugins import load_project_plugins
    from taskiq_core.plugins.settings import read_settings

    if read_settings().required_plugins:
        load_project_plugins()
