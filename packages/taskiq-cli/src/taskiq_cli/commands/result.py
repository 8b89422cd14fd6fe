"""`taskiq result`: the result of a task, or where the task is."""

from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.ask_broker import ask_results
from taskiq_cli.commands.broker_arguments import broker_and_modules
from taskiq_cli.commands.render_result import as_object, as_text
from taskiq_cli.commands.task_location import (
    TaskLocation,
    locate_task,
    location_object,
    location_text,
)
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.terminal_text import as_json
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.exceptions import ResultBackendMissingError

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
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

    A task without a result is looked for: it runs, waits, is delayed, or was buried.
    The exit status is 1 if the task has failed, or if there is no result. With --traceback, the
    traceback of the task is shown as well. BROKER_PATH is that of `taskiq worker`, or the URL of a
    broker, such as sqlite:///tasks.db.
    """
    broker, modules = broker_and_modules(arguments, takes_urls=True)

    async def ask(broker: "AsyncBroker") -> "TaskiqResult[Any] | TaskLocation":
        return await _result_or_location(broker, task_id)

    found = ask_results(broker, modules, application, ask)
    if isinstance(found, TaskLocation):
        is_json = as_json(location_object(task_id, found)) if json_ else None
        click.echo(is_json or location_text(task_id, found))
        context.exit(ExitCode.FAILURE)
    tracebacks = application.shows_tracebacks
    if json_:
        click.echo(as_json(as_object(task_id, found, with_traceback=tracebacks)))
    else:
        click.echo(as_text(task_id, found, with_traceback=tracebacks))
    if found.is_err:
        context.exit(ExitCode.FAILURE)


async def _result_or_location(
    broker: "AsyncBroker", task_id: str
) -> "TaskiqResult[Any] | TaskLocation":
    no_results: ResultBackendMissingError | None = None
    if isinstance(broker.result_backend, DummyResultBackend):
        no_results = ResultBackendMissingError(task_id=task_id)
    elif result := await _result(broker, task_id):
        return result
    location = TaskLocation("missing", reason="the queue is in another process")
    if not broker.private_to_process:
        location = await locate_task(broker, task_id)
    if no_results is None:
        # It may have ended while it was looked for.
        return await _result(broker, task_id) or location
    if location.state in {"missing", "unknown"}:
        raise no_results
    return location


async def _result(broker: "AsyncBroker", task_id: str) -> "TaskiqResult[Any] | None":
    if not await broker.result_backend.is_result_ready(task_id):
        return None
    return await broker.result_backend.get_result(task_id, with_logs=True)
