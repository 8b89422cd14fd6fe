"""`taskiq tasks`: what a worker with the same arguments would run."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.application_options import Application, application_options
from taskiq_cli.commands.broker_arguments import broker_and_modules, check_required_plugins
from taskiq_cli.commands.load_application import load_application
from taskiq_cli.tables import table

if TYPE_CHECKING:
    from taskiq_core.client.decor import AsyncTaskiqDecoratedTask


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@application_options
def tasks(arguments: tuple[str, ...], as_json: bool, application: Application) -> None:
    """List the tasks that a broker can run, with their modules and labels.

    The arguments are those of `taskiq worker`. Nothing is connected to.
    """
    broker, modules = broker_and_modules(arguments)
    check_required_plugins()
    by_name = load_application(broker, modules, application, _run).get_all_tasks()
    found = [by_name[name] for name in sorted(by_name)]
    click.echo(_as_json(found) if as_json else _as_table(found, broker))


def _run(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def _as_table(found: "list[AsyncTaskiqDecoratedTask[Any, Any]]", broker: str) -> str:
    if not found:
        return f"{broker} has no tasks. Name the modules that declare them, or give --fs-discover."
    rows = [
        (
            task.task_name,
            _module(task),
            " ".join(f"{name}={value!r}" for name, value in sorted(task.labels.items())) or "-",
        )
        for task in found
    ]
    return table(("TASK", "MODULE", "LABELS"), rows)


def _as_json(found: "list[AsyncTaskiqDecoratedTask[Any, Any]]") -> str:
    import json

    tasks = [
        {"name": task.task_name, "module": _module(task), "labels": task.labels} for task in found
    ]
    return json.dumps(tasks, indent=2, default=repr)


def _module(task: "AsyncTaskiqDecoratedTask[Any, Any]") -> str:
    return str(getattr(task.original_func, "__module__", None) or "-")
