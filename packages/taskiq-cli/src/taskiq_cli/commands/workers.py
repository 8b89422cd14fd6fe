"""`taskiq workers`: the workers of all machines, and what they run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.commands.queue_option import queue_arguments, queue_option
from taskiq_cli.commands.render_workers import differing_versions, worker_tables
from taskiq_cli.terminal_text import as_json, plain

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.worker_record import WorkerRecord


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@queue_option
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
def workers(
    arguments: tuple[str, ...], queue: str | None, json_: bool, application: Application
) -> None:
    """List the workers of all machines, and the tasks that they run now.

    With --queue, only workers that listen to that queue. Workers whose packages have other versions
    than those of the others are marked with an asterisk.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> "Sequence[WorkerRecord]":
        found = await broker.workers()
        if queue is None:
            return found
        await queue_arguments(broker, queue)
        return [each for each in found if queue in each.queues]

    found = ask_broker(broker, modules, application, ask)
    if json_:
        differing = differing_versions(found)
        click.echo(as_json({"workers": plain(found), "differing_versions": differing}))
    elif found:
        click.echo(worker_tables(found))
    else:
        click.echo("There are no workers." if queue is None else "No worker listens to that queue.")
