"""Checks of options of `taskiq worker` that the types of click can't express."""

import click


def receiver_argument(
    _context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Split each NAME=VALUE into a pair; see `click.Option`."""
    pairs: list[tuple[str, str]] = []
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.", param=parameter)
        pairs.append((name, value))
    return tuple(pairs)


def usable_log_format(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse a value that is not a %-style format of `logging`; see `click.Option`."""
    from logging import Formatter

    try:
        Formatter(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{error}. It is a %-style format of the logging module, such as '%(message)s'.",
            param=parameter,
        ) from error
    return value


def queue_selection(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse a value that does not name queues, some with a weight; see `click.Option`."""
    if value is None:
        return None
    from taskiq_core.messages.queue_selection import QueueSelection

    try:
        QueueSelection.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param=parameter) from error
    return value
