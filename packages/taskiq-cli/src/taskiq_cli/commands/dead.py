"""`taskiq dead`: messages that were buried; list them, look at them, replay or forget them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker, connected_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, shown
from taskiq_cli.commands.broker_group import BrokerGroup
from taskiq_cli.commands.letter_filter import LetterFilter, find_letters, letter_filter
from taskiq_cli.commands.paced import paced
from taskiq_cli.commands.queue_option import each_queue, queue_arguments, queue_option
from taskiq_cli.commands.render_dead import details, overview, summary, whole
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.failure import Failure
from taskiq_cli.option_types import Integer, Rate
from taskiq_cli.terminal_text import as_json, one_line
from taskiq_core.exceptions import CapabilityError

if TYPE_CHECKING:
    from taskiq_cli.commands.queue_option import QueueArguments
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import DeadLetter


@click.group(cls=BrokerGroup)
def dead() -> None:
    """List, show, replay or purge messages that were buried.

    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db. It
    may also stand before the command. Without it, pyproject.toml or TASKIQ_BROKER_URL says which
    broker is meant.
    """


@dead.command("list")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@letter_filter
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
    arguments: tuple[str, ...],
    queue: str | None,
    where: LetterFilter,
    limit: int,
    offset: int,
    json_: bool,
    application: Application,
) -> None:
    """List dead letters, oldest first."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> "tuple[list[DeadLetter], list[str]]":
        chosen = await queue_arguments(broker, queue)
        # One more, to see whether there are more.
        found = await _letters(broker, where, chosen, limit=limit + 1, offset=offset)
        return found, [] if queue or json_ else await _other_queues(broker)

    found, others = ask_broker(broker, modules, application, ask)
    letters = found[:limit]
    if json_:
        click.echo(as_json([summary(letter) for letter in letters]))
    elif letters:
        click.echo(overview(letters))
    elif offset:
        click.echo("There are no more.")
    else:
        click.echo(f"There are no dead letters{'' if where.is_open else ' like that'}.")
    if len(found) > limit:
        click.echo(f"There are more: --offset {offset + limit}", err=True)
    for name in others:
        click.echo(f"There are dead letters of another queue: --queue {one_line(name)}", err=True)


@dead.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] ID")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def show(
    arguments: tuple[str, ...], queue: str | None, json_: bool, application: Application
) -> None:
    """Show all of a dead letter: why it was buried, its labels and arguments, its error.

    A message that can't be read is shown as bytes.
    """
    broker, ids = broker_and_modules(arguments, takes_urls=True)
    if len(ids) != 1:
        raise click.UsageError("Which dead letter? Give one ID; `taskiq dead list` lists them.")

    async def text(broker: "AsyncBroker") -> str | None:
        letter = await _find(broker, ids[0], await queue_arguments(broker, queue))
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
@queue_option
@letter_filter
@click.option("--rate", type=Rate(), help="So many at most, such as 10/s, 100/m or 5/h.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def replay(
    arguments: tuple[str, ...],
    all_: bool,
    queue: str | None,
    where: LetterFilter,
    rate: float | None,
    dry_run: bool,
    json_: bool,
    application: Application,
) -> None:
    """Queue dead letters again, as first attempts: by ID, by filter, or all.

    With --rate, a bad cause shows with the first letters: Ctrl-C stops, the rest stays where it is.
    """
    broker, ids = _chosen(arguments, all_, where)

    async def ask(broker: "AsyncBroker") -> int:
        chosen = await queue_arguments(broker, queue)
        wanted = await _ids(broker, ids, where, chosen, is_paced=rate is not None or dry_run)
        if dry_run:
            return len(wanted or ())
        if wanted is None:
            return await broker.replay_dead_letters(None, **chosen)
        return await _in_lots(
            wanted, rate, lambda lot: broker.replay_dead_letters(lot, **chosen), "replayed"
        )

    count = ask_broker(broker, (), application, ask)
    if dry_run:
        _print_count("matching", count, json_)
    else:
        _report("replayed", count, ids, json_)


@dead.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [IDS]...")
@click.option("--all", "all_", is_flag=True, help="All that there are.")
@queue_option
@letter_filter
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def purge(
    arguments: tuple[str, ...],
    all_: bool,
    queue: str | None,
    where: LetterFilter,
    yes: bool,
    json_: bool,
    application: Application,
) -> None:
    """Forget dead letters for good: by ID, by filter, or all."""
    broker, ids = _chosen(arguments, all_, where)

    async def look(broker: "AsyncBroker") -> Sequence[str] | None:
        chosen = await queue_arguments(broker, queue)
        return await _ids(broker, ids, where, chosen, is_paced=False)

    with connected_broker(broker, (), application) as ask:
        wanted: Sequence[str] | None = ask(look)
        if not yes:
            which = "all dead letters" if wanted is None else f"{len(wanted)} dead letter(s)"
            click.confirm(f"Forget {which} of {shown(broker)} for good?", abort=True, err=True)

        async def forget(broker: "AsyncBroker") -> int:
            chosen = await queue_arguments(broker, queue)
            if wanted is None:
                return await broker.purge_dead_letters(None, **chosen)
            return await _in_lots(
                wanted, None, lambda lot: broker.purge_dead_letters(lot, **chosen), "purged"
            )

        count: int = ask(forget)
    _report("purged", count, ids, json_)


def _chosen(
    arguments: tuple[str, ...], all_: bool, where: LetterFilter
) -> tuple[str, tuple[str, ...] | None]:
    broker, ids = broker_and_modules(arguments, takes_urls=True)
    if [all_, bool(ids), not where.is_open].count(True) != 1:
        raise click.UsageError(
            "Which dead letters? Give their IDs, or a filter such as --task NAME, or --all."
        )
    return broker, tuple(dict.fromkeys(ids)) or None


async def _ids(
    broker: "AsyncBroker",
    ids: Sequence[str] | None,
    where: LetterFilter,
    chosen: "QueueArguments",
    *,
    is_paced: bool,
) -> Sequence[str] | None:
    """Return the ids of the letters that are wanted; None for all, where that needs no list."""
    if ids is not None or (where.is_open and not is_paced):
        return ids
    return [letter.letter_id async for letter in find_letters(broker, where, chosen)]


async def _in_lots(
    ids: Sequence[str],
    rate: float | None,
    handle: Callable[[Sequence[str]], Awaitable[int]],
    what: str,
) -> int:
    total = 0
    try:
        async with aclosing(paced(ids, rate)) as lots:
            async for lot in lots:
                total += await handle(lot)
    except asyncio.CancelledError:
        click.echo(f"Stopped. Dead letters {what}: {total}", err=True)
        raise
    return total


def _report(what: str, count: int, ids: Sequence[str] | None, json_: bool) -> None:
    _print_count(what, count, json_)
    if ids is not None and count < len(ids):
        missing = f"{len(ids) - count} of {', '.join(map(one_line, ids))}"
        raise Failure(
            f"Not {what}: {missing}. There is no such letter, its unique key is taken, or it "
            "can't be read.",
            ExitCode.FAILURE,
        )


def _print_count(what: str, count: int, json_: bool) -> None:
    click.echo(as_json({what: count}) if json_ else f"Dead letters {what}: {count}")


async def _letters(
    broker: "AsyncBroker",
    where: LetterFilter,
    chosen: "QueueArguments",
    *,
    limit: int,
    offset: int,
) -> "list[DeadLetter]":
    if where.is_open:
        return await broker.dead_letters(limit=limit, offset=offset, **chosen)
    found: list[DeadLetter] = []
    async with aclosing(find_letters(broker, where, chosen, offset=offset)) as letters:
        async for letter in letters:
            found.append(letter)
            if len(found) == limit:
                break
    return found


async def _other_queues(broker: "AsyncBroker") -> list[str]:
    """Return the queues beside the default one that have dead letters."""
    _default, *others = await each_queue(broker)
    try:
        return [each.get("queue", "") for each in others if (await broker.stats(**each)).dead]
    except CapabilityError:
        return []  # the letters of this queue are the answer, the others are a courtesy


async def _find(
    broker: "AsyncBroker", letter_id: str, chosen: "QueueArguments"
) -> "DeadLetter | None":
    async with aclosing(find_letters(broker, LetterFilter(), chosen)) as letters:
        async for letter in letters:
            if letter.letter_id == letter_id:
                return letter
    return None
