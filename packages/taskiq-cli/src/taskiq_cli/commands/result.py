"""`taskiq result`: what came of a task."""

from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_results
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.commands.render_result import as_object, as_text
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.terminal_text import as_json, one_line

if TYPE_CHECKING:
    from taskiq_core.abc.result_backend import AsyncResultBackend
    from taskiq_core.messages.result import TaskiqResult


@click.command()
@click.argument("task_id")
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@application_options
@click.pass_context
def result(
    context: click.Context,
    task_id: str,
    arguments: tuple[str, ...],
    json_: bool,
    application: Application,
) -> None:
    """Show the result of a task: its value or its error, its log, how long it ran, its labels.

    The exit status is 1 if the task has failed, or if there is no result. With --traceback, the
    traceback of the task is shown as well. BROKER_PATH is that of `taskiq worker`, or the URL of a
    broker, such as sqlite:///tasks.db.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(backend: "AsyncResultBackend[Any]") -> "TaskiqResult[Any] | None":
        if not await backend.is_result_ready(task_id):
            return None
        return await backend.get_result(task_id, with_logs=True)

    found = ask_results(broker, modules, application, ask)
    if found is None:
        _tell_missing(task_id, json_)
        context.exit(ExitCode.FAILURE)
    tracebacks = application.shows_tracebacks
    if json_:
        click.echo(as_json(as_object(task_id, found, with_traceback=tracebacks)))
    else:
        click.echo(as_text(task_id, found, with_traceback=tracebacks))
    if found.is_err:
        context.exit(ExitCode.FAILURE)


def _tell_missing(task_id: str, json_: bool) -> None:
    if json_:
        click.echo(as_json({"task_id": task_id, "state": "missing"}))
        return
    click.echo(
        f"There is no result of task {one_line(task_id)}: it waits or runs, it stores none, its "
        "result has expired, or there was no such task."
    )
