"""The option `--no-plugin`, which every command that loads plugins has."""

import os
from typing import Any

import click


def _disable(_context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> None:
    if names:
        from taskiq_core.plugins.loader import DISABLE_VARIABLE

        # Through the environment, because worker processes load plugins as well.
        before = os.environ.get(DISABLE_VARIABLE, "").split(",")
        os.environ[DISABLE_VARIABLE] = ",".join(dict.fromkeys(filter(None, (*before, *names))))


def no_plugin_option(command: Any) -> Any:
    """Give a click command the option."""
    return click.option(
        "--no-plugin",
        metavar="NAME",
        multiple=True,
        expose_value=False,
        is_eager=True,
        callback=_disable,
        help="Do not load this plugin; may be given several times.",
    )(command)
