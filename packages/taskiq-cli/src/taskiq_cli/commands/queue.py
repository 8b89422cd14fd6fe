"""`taskiq queue`: how many messages a broker has, and how to drop them."""

from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules, shown
from taskiq_cli.commands.broker_group import BrokerGroup
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import as_json

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import QueueStats


@click.group(cls=BrokerGroup)
def queue() -> None:
    """See how many messages a broker has, or drop those that wait.

    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db. It
    may also stand behind the command.
    """


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def stats(arguments: tuple[str, ...], json_: bool, application: Application) -> None:
    """Count the messages: waiting, delivered to workers, delayed, dead."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    found = ask_broker(broker, modules, application, _stats)
    if json_:
        click.echo(as_json(found))
        return
    rows = [
        ("waiting", str(found.waiting)),
        ("delivered", str(found.delivered)),
        ("delayed", str(found.delayed)),
        ("dead", str(found.dead)),
    ]
    click.echo(table(("STATE", "MESSAGES"), rows))


@queue.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def purge(arguments: tuple[str, ...], yes: bool, json_: bool, application: Application) -> None:
    """Drop all messages that wait or are delayed; those that workers have are left alone."""
    broker, modules = broker_and_modules(arguments, takes_urls=True)
    if not yes:
        question = f"Drop all waiting and delayed messages of {shown(broker)} for good?"
        click.confirm(question, abort=True, err=True)
    count = ask_broker(broker, modules, application, _purge)
    click.echo(as_json({"purged": count}) if json_ else f"Messages dropped: {count}")


async def _stats(broker: "AsyncBroker") -> "QueueStats":
    return await broker.stats()


async def _purge(broker: "AsyncBroker") -> int:
    return await broker.purge()
