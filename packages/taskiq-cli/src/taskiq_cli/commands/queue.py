"""`taskiq queue`: what queues hold; pause, resume and purge them."""

from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker, connected_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, shown
from taskiq_cli.commands.broker_group import BrokerGroup
from taskiq_cli.commands.queue_option import (
    each_queue,
    has,
    queue_arguments,
    queue_name,
    queue_option,
)
from taskiq_cli.commands.render_queue import as_object, overview, state_table
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.failure import Failure
from taskiq_cli.terminal_text import as_json, one_line
from taskiq_core.capabilities import Capability

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import QueueStats


@click.group(cls=BrokerGroup)
def queue() -> None:
    """See what queues hold; pause, resume or purge them.

    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db. It
    may also stand before the command. Without it, pyproject.toml or TASKIQ_BROKER_URL says which
    broker is meant.
    """


@queue.command("list")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def list_(arguments: tuple[str, ...], json_: bool, application: Application) -> None:
    """List the queues of a broker, each with its state, its messages and the age of the oldest."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    found = ask_broker(broker, modules, application, all_stats)
    if json_:
        click.echo(as_json([{"queue": name, **as_object(stats)} for name, stats in found.items()]))
    else:
        click.echo(overview(found))


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def stats(
    arguments: tuple[str, ...], queue: str | None, json_: bool, application: Application
) -> None:
    """Count the messages: waiting, delivered to workers, delayed, dead."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> "QueueStats":
        return await broker.stats(**await queue_arguments(broker, queue))

    found = ask_broker(broker, modules, application, ask)
    click.echo(as_json(as_object(found)) if json_ else state_table(found))


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def pause(
    arguments: tuple[str, ...], queue: str | None, json_: bool, application: Application
) -> None:
    """Have a queue hand out nothing until it is resumed.

    All workers see it within a second. Running tasks go on, and messages are accepted. It holds
    until `taskiq queue resume`, whatever is restarted.
    """
    _set_paused(arguments, queue, json_, application, is_paused=True)


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def resume(
    arguments: tuple[str, ...], queue: str | None, json_: bool, application: Application
) -> None:
    """Have a paused queue hand out messages again."""
    _set_paused(arguments, queue, json_, application, is_paused=False)


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def purge(
    arguments: tuple[str, ...],
    queue: str | None,
    yes: bool,
    json_: bool,
    application: Application,
) -> None:
    """Drop all messages that wait or are delayed; workers keep what they have.

    Asks for the name of the queue first.
    """
    path, modules = broker_and_modules(arguments, takes_urls=True)

    async def look(broker: "AsyncBroker") -> tuple[str | None, "QueueStats"]:
        found = await broker.stats(**await queue_arguments(broker, queue))
        has_names = has(broker, Capability.QUEUES)
        return (await queue_name(broker, queue) if has_names else None), found

    async def drop(broker: "AsyncBroker") -> int:
        return await broker.purge(**await queue_arguments(broker, queue))

    with connected_broker(path, modules, application) as ask:
        if not yes:
            _ask_operator(shown(path), *ask(look))
        count: int = ask(drop)
    click.echo(as_json({"purged": count}) if json_ else f"Messages dropped: {count}")


async def all_stats(broker: "AsyncBroker") -> "dict[str, QueueStats]":
    """Return the counts of each queue of a broker, by name."""
    return {
        arguments.get("queue") or "default": await broker.stats(**arguments)
        for arguments in await each_queue(broker)
    }


def _set_paused(
    arguments: tuple[str, ...],
    queue: str | None,
    json_: bool,
    application: Application,
    *,
    is_paused: bool,
) -> None:
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> tuple[str, bool]:
        chosen = await queue_arguments(broker, queue, must_exist=False)
        # Before the change: some stores know a queue from then on.
        is_known = queue is None or queue in await broker.queue_names()
        await (broker.pause(**chosen) if is_paused else broker.resume(**chosen))
        return await queue_name(broker, queue), is_known

    name, is_known = ask_broker(broker, modules, application, ask)
    if json_:
        click.echo(as_json({"queue": name, "is_paused": is_paused}))
    elif is_paused:
        which = "" if queue is None else f" --queue {one_line(queue)}"
        click.echo(
            f"Queue {one_line(name)} is paused: it hands out nothing until "
            f"`taskiq queue resume{which}`. Running tasks go on."
        )
    else:
        click.echo(f"Queue {one_line(name)} is not paused.")
    if not is_known:
        click.echo(f"No message was ever sent to queue {one_line(name)}.", err=True)


def _ask_operator(broker: str, name: str | None, found: "QueueStats") -> None:
    which = f"{_number(found.waiting)} waiting and {_number(found.delayed)} delayed messages"
    if name is None:
        click.confirm(f"Drop {which} of {broker} for good?", abort=True, err=True)
        return
    question = f"Type the name of queue {name} to drop its {which} for good"
    typed: Any = click.prompt(question, err=True)
    if typed != name:
        message = f"{one_line(typed)!r} is not the name of the queue; nothing was dropped."
        raise Failure(message, ExitCode.FAILURE)


def _number(count: int | None) -> str:
    return "all" if count is None else str(count)
