"""The check of an option or argument that is a health address."""

import click

from taskiq_cli.errors import HealthAddressError
from taskiq_cli.health.address import Address


def health_address(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse a value that is not HOST:PORT or unix:/PATH; see `click.Option`."""
    try:
        return None if value is None else str(Address(value))
    except HealthAddressError as error:
        raise click.BadParameter(str(error), param=parameter) from error
