"""A warning of environment variables that nobody reads, and that look like one that is read."""

import os
from collections.abc import Collection

import click

from taskiq_core.plugins.variables import KNOWN_VARIABLES, misspelt_variables


def warn_of_misspelt_variables(known: Collection[str] = ()) -> None:
    """Write a line to standard error for each such variable.

    Args:
        known: what is read besides taskiq's common variables.
    """
    for name, meant in misspelt_variables(os.environ, KNOWN_VARIABLES.union(known)).items():
        click.echo(f"Warning: {name} is set, and not read. Did you mean {meant}?", err=True)
