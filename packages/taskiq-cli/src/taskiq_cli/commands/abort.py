"""`taskiq abort`: stop a task, wherever it is."""

from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_broker
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.terminal_text import as_json, one_line

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.aborts import AbortState

_MEANING = MappingProxyType(
    {
        "queued": "it waited, and will not be started.",
        "running": "its worker was asked to stop it.",
        "finished": "it has ended already, its result is stored; nothing was done.",
        "unknown": "no such task waits or runs, and no result of it is stored.",
    }
)


@click.command()
@click.argument("task_id")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
@click.pass_context
def abort(
    context: click.Context,
    task_id: str,
    arguments: tuple[str, ...],
    json_: bool,
    application: Application,
) -> None:
    """Abort a task: one that waits is never started, one that runs is stopped.

    Says where it was found: queued, running, finished or unknown; the exit status of the last is 1.
    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> "AbortState":
        return await broker.abort(task_id)

    state = ask_broker(broker, modules, application, ask).value
    if json_:
        click.echo(as_json({"task_id": task_id, "state": state}))
    else:
        click.echo(f"Task {one_line(task_id)} is {state}: {_MEANING[state]}")
    if state == "unknown":
        context.exit(ExitCode.FAILURE)
