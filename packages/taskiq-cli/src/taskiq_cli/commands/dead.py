"""`taskiq dead`: messages that were buried; list them, look at them, replay or forget them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, shown
from taskiq_cli.commands.broker_group import BrokerGroup
from taskiq_cli.commands.render_dead import details, overview, summary, whole
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.failure import Failure
from taskiq_cli.option_types import Integer
from taskiq_cli.terminal_text import as_json, one_line

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import DeadLetter

_PAGE = 100
"""Letters that are fetched at once: each comes with all of its message."""


@click.group(cls=BrokerGroup)
def dead() -> None:
    """List, show, replay or purge messages that were buried.

    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db. It
    may also stand before the command.
    """


@dead.command("list")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option(
    "--limit", type=Integer(min=1), default=50, show_default=True, help="How many at most."
)
@click.option(
    "--offset",
    type=Integer(min=0),
    default=0,
    show_default=True,
    help="How many to leave out at the beginning.",
)
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def list_(
    arguments: tuple[str, ...], limit: int, offset: int, json_: bool, application: Application
) -> None:
    """List dead letters, oldest first."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    # One more, to see whether there are more.
    found = ask_broker(
        broker, modules, application, partial(_letters, limit=limit + 1, offset=offset)
    )
    letters = found[:limit]
    if json_:
        click.echo(as_json([summary(letter) for letter in letters]))
    elif letters:
        click.echo(overview(letters))
    else:
        click.echo("There are no dead letters." if offset == 0 else "There are no more.")
    if len(found) > limit:
        click.echo(f"There are more: --offset {offset + limit}", err=True)


@dead.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] ID")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def show(arguments: tuple[str, ...], json_: bool, application: Application) -> None:
    """Show all of a dead letter: why it was buried, its labels and arguments, its error.

    A message that can't be read is shown as bytes.
    """
    broker, ids = broker_and_modules(arguments, takes_urls=True)
    if len(ids) != 1:
        raise click.UsageError("Which dead letter? Give one ID; `taskiq dead list` lists them.")

    async def text(broker: "AsyncBroker") -> str | None:
        letter = await _find(broker, ids[0])
        if letter is None:
            return None
        if json_:
            return as_json(whole(letter, broker.formatter))
        return details(letter, broker.formatter)

    found = ask_broker(broker, (), application, text)
    if found is None:
        raise Failure(
            f"There is no dead letter {ids[0]!r}; `taskiq dead list` lists them.", ExitCode.FAILURE
        )
    click.echo(found)


@dead.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [IDS]...")
@click.option("--all", "all_", is_flag=True, help="All that there are.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def replay(arguments: tuple[str, ...], all_: bool, json_: bool, application: Application) -> None:
    """Queue dead letters again, as first attempts."""
    broker, ids = _chosen(arguments, all_)

    async def ask(broker: "AsyncBroker") -> int:
        return await broker.replay_dead_letters(ids)

    count = ask_broker(broker, (), application, ask)
    _tell("replayed", count, ids, json_)


@dead.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [IDS]...")
@click.option("--all", "all_", is_flag=True, help="All that there are.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def purge(
    arguments: tuple[str, ...], all_: bool, yes: bool, json_: bool, application: Application
) -> None:
    """Forget dead letters for good."""
    broker, ids = _chosen(arguments, all_)
    if not yes:
        which = "all dead letters" if ids is None else f"{len(ids)} dead letter(s)"
        click.confirm(f"Forget {which} of {shown(broker)} for good?", abort=True, err=True)

    async def ask(broker: "AsyncBroker") -> int:
        return await broker.purge_dead_letters(ids)

    count = ask_broker(broker, (), application, ask)
    _tell("purged", count, ids, json_)


def _chosen(arguments: tuple[str, ...], all_: bool) -> tuple[str, tuple[str, ...] | None]:
    broker, ids = broker_and_modules(arguments, takes_urls=True)
    if all_ == bool(ids):
        raise click.UsageError("Which dead letters? Give their IDs, or --all.")
    return broker, None if all_ else tuple(dict.fromkeys(ids))


def _tell(what: str, count: int, ids: Sequence[str] | None, json_: bool) -> None:
    if json_:
        click.echo(as_json({what: count}))
    else:
        click.echo(f"Dead letters {what}: {count}")
    if ids is not None and count < len(ids):
        missing = f"{len(ids) - count} of {', '.join(map(one_line, ids))}"
        raise Failure(
            f"Not {what}: {missing}. There is no such letter, its unique key is taken, or it "
            "can't be read.",
            ExitCode.FAILURE,
        )


async def _letters(broker: "AsyncBroker", **page: Any) -> "list[DeadLetter]":
    return await broker.dead_letters(**page)


async def _find(broker: "AsyncBroker", letter_id: str) -> "DeadLetter | None":
    offset = 0
    while page := await broker.dead_letters(limit=_PAGE, offset=offset):
        for letter in page:
            if letter.letter_id == letter_id:
                return letter
        offset += len(page)
    return None
