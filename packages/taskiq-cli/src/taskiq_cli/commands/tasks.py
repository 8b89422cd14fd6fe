"""`taskiq tasks`: what a worker with the same arguments would run."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import click

from taskiq_cli.commands.broker_arguments import broker_and_modules, check_required_plugins
from taskiq_cli.disabling import no_plugin_option
from taskiq_cli.failure import Failure
from taskiq_cli.options import DEFAULT_PATTERNS
from taskiq_cli.tables import table

if TYPE_CHECKING:
    from taskiq_core.decor import AsyncTaskiqDecoratedTask


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--app-dir", "-d", metavar="FOLDER", help="Import the application from here.")
@click.option(
    "--tasks-pattern",
    "-tp",
    metavar="GLOB",
    multiple=True,
    default=DEFAULT_PATTERNS,
    show_default=True,
)
@click.option(
    "--fs-discover", "-fsd", is_flag=True, help="Import the modules that match --tasks-pattern."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--traceback", is_flag=True, help="Show the traceback if the application can't be loaded."
)
@no_plugin_option
def tasks(
    arguments: tuple[str, ...],
    app_dir: str | None,
    tasks_pattern: tuple[str, ...],
    fs_discover: bool,
    as_json: bool,
    traceback: bool,
) -> None:
    """List the tasks that a broker can run, with their modules and labels.

    The arguments are those of `taskiq worker`. Nothing is connected to.
    """
    broker, modules = broker_and_modules(arguments)
    check_required_plugins()
    from taskiq_cli.errors import LoadError
    from taskiq_cli.loading.places import whole_traceback

    try:
        found = _load(broker, list(modules), app_dir, tasks_pattern if fs_discover else ())
    except LoadError as error:
        details = f"\n{whole_traceback(error.__cause__)}" if traceback and error.__cause__ else ""
        raise Failure(f"{error}{details}", error.exit_code) from error
    click.echo(_as_json(found) if as_json else _as_table(found, broker))


def _load(
    broker: str, modules: list[str], app_dir: str | None, patterns: tuple[str, ...]
) -> "list[AsyncTaskiqDecoratedTask[Any, Any]]":
    from taskiq_cli.loading.brokers import load_broker
    from taskiq_cli.loading.objects import extend_import_path
    from taskiq_cli.loading.task_modules import import_tasks

    extend_import_path(app_dir)
    found = load_broker(broker, _run)
    import_tasks(modules, patterns, fs_discover=bool(patterns))
    by_name = found.get_all_tasks()
    return [by_name[name] for name in sorted(by_name)]


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
