"""`BROKER_PATH [MODULES...]`, where [tool.taskiq] may give the first."""

import os
from typing import Final

import click

from taskiq_core.loading.errors import ObjectPathError
from taskiq_core.loading.object_paths import split_path

BROKER_VARIABLE: Final = "TASKIQ_BROKER_URL"
"""That of `broker_from_url()`; not imported from there, which would load the plugins' machinery."""


def broker_and_modules(
    arguments: tuple[str, ...], *, takes_urls: bool = False
) -> tuple[str, tuple[str, ...]]:
    """The broker's path and what follows it: the modules, for most commands.

    The first argument is the broker's path if it has a colon, or if neither the project nor the
    environment says which broker is meant. Without such an argument it is the path that
    pyproject.toml has, or else, where URLs will do, the URL in TASKIQ_BROKER_URL.

    Args:
        arguments: of the command.
        takes_urls: whether the URL of a broker will do in place of a path.

    Raises:
        UsageError: there is no path, or it is not of the form module:object.
        PluginSettingsError: [tool.taskiq] can't be used.
    """
    if arguments and ":" in arguments[0]:
        return _checked(arguments[0], takes_urls), arguments[1:]
    from taskiq_core.plugins.settings import read_settings

    settings = read_settings()
    if settings.broker:
        return _checked(settings.broker, takes_urls), arguments
    if takes_urls and (url := os.environ.get(BROKER_VARIABLE, "").strip()):
        return url, arguments
    if arguments:
        return _checked(arguments[0], takes_urls), arguments[1:]
    url = ", or its URL, such as sqlite:///tasks.db" if takes_urls else ""
    raise click.UsageError(
        f"Which broker? Give its path, such as app.tkq:broker{url}; or write it into "
        'pyproject.toml: [tool.taskiq] broker = "app.tkq:broker"'
        f"{_variable_cure() if takes_urls else ''}"
    )


def _variable_cure() -> str:
    from taskiq_core.plugins.variables import misspelt_variables

    found = misspelt_variables(os.environ).items()
    misspelt = next((name for name, meant in found if meant == BROKER_VARIABLE), None)
    hint = f" The environment has {misspelt}: is it misspelt?" if misspelt else ""
    return f"; or set {BROKER_VARIABLE} to its URL.{hint}"


def is_url(broker: str) -> bool:
    """Whether this is a broker's URL, and no path."""
    return "://" in broker


def shown(broker: str) -> str:
    """A path, or a URL without its secrets."""
    from taskiq_core.plugins.redaction import redacted, secrets_in

    return redacted(broker, secrets_in(broker))


def _checked(path: str, takes_urls: bool) -> str:
    if takes_urls and is_url(path):
        return path
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
