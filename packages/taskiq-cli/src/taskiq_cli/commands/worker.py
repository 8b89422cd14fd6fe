"""`taskiq worker`."""

import os
import sys
from typing import Any

import click

from taskiq_cli.commands.broker_arguments import broker_and_modules, check_required_plugins
from taskiq_cli.commands.option_callbacks import (
    queue_selection,
    receiver_argument,
    usable_log_format,
)
from taskiq_cli.commands.option_sources import ConfigurableCommand
from taskiq_cli.health.address_option import health_address
from taskiq_cli.misspelt_variables import warn_of_misspelt_variables
from taskiq_cli.no_plugin_option import no_plugin_option
from taskiq_cli.option_types import FOLDER, Integer, Number
from taskiq_cli.options import (
    DEFAULT_LOG_FORMAT,
    DEFAULT_RECEIVER,
    WorkerOptions,
)
from taskiq_core.loading.task_modules import DEFAULT_PATTERNS

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_ACK_TYPES = ("when_received", "when_executed", "when_saved", "manual")
_AT_LEAST_ONE = Integer(min=1)
_NOT_NEGATIVE = Integer(min=0)
_SECONDS = Number(min=0)


@click.command(
    cls=ConfigurableCommand,
    context_settings={"show_default": True, "max_content_width": 100},
    epilog="Each option may also be given by a variable, such as TASKIQ_WORKER_MAX_ASYNC_TASKS=50, "
    "or in pyproject.toml: [tool.taskiq.worker] max-async-tasks = 50. The command line comes "
    "first, then the variable.",
)
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option(
    "--app-dir", "-d", metavar="FOLDER", type=FOLDER, help="Import the application from here."
)
@click.option(
    "--tasks-pattern",
    "-tp",
    metavar="GLOB",
    multiple=True,
    default=DEFAULT_PATTERNS,
    help="Files that --fs-discover imports; may be given several times.",
)
@click.option(
    "--fs-discover", "-fsd", is_flag=True, help="Import the modules that match --tasks-pattern."
)
@click.option(
    "--workers", "-w", type=_AT_LEAST_ONE, default=2, help="How many worker processes to run."
)
@click.option("--receiver", metavar="PATH", default=DEFAULT_RECEIVER, help="The receiver class.")
@click.option(
    "--receiver_arg",
    metavar="NAME=VALUE",
    multiple=True,
    callback=receiver_argument,
    help="An argument for the receiver; may be given several times.",
)
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    metavar=f"[{'|'.join(_LEVELS)}]",  # click would show them in lower case
    default="INFO",
    help="What to log.",
)
@click.option(
    "--log-format", default=DEFAULT_LOG_FORMAT, callback=usable_log_format, help="How to log it."
)
@click.option(
    "--no-configure-logging",
    "configure_logging",
    is_flag=True,
    flag_value=False,
    default=True,
    show_default=False,
    help="Leave logging to the application.",
)
@click.option(
    "--traceback", is_flag=True, help="Show the traceback if the application can't be loaded."
)
@click.option("--no-parse", is_flag=True, help="Do not restore arguments from annotations.")
@click.option(
    "--no-propagate-errors",
    is_flag=True,
    help="Do not raise the exceptions of tasks in their dependencies.",
)
@click.option(
    "--max-threadpool-threads",
    type=_AT_LEAST_ONE,
    help="Threads for tasks that are plain functions.",
)
@click.option(
    "--use-process-pool", is_flag=True, help="Run plain functions in processes, not in threads."
)
@click.option("--max-process-pool-processes", type=_AT_LEAST_ONE, help="Processes in that pool.")
@click.option(
    "--shutdown-timeout",
    type=_SECONDS,
    default=5.0,
    help="Seconds that a broker gets to shut down.",
)
@click.option(
    "--wait-tasks-timeout",
    type=_SECONDS,
    help="Seconds that running tasks get to finish at the end; without it, all they need.",
)
@click.option(
    "--max-block",
    type=_SECONDS,
    default=600.0,
    help="Seconds for which a task that blocks the event loop keeps its lease.",
)
@click.option(
    "--hardkill-count",
    type=_AT_LEAST_ONE,
    default=3,
    help="So many signals after the first one kill the workers; the second one cancels tasks.",
)
@click.option("--reload", "-r", is_flag=True, help="Restart the workers when files change.")
@click.option(
    "--reload-dir",
    "reload_dirs",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(exists=True),
    help="Watch this folder, not the current one; may be given several times.",
)
@click.option(
    "--do-not-use-gitignore",
    "no_gitignore",
    is_flag=True,
    help="Watch files that git ignores, too.",
)
@click.option(
    "--max-async-tasks", type=_AT_LEAST_ONE, default=100, help="Tasks at once in each worker."
)
@click.option(
    "--max-async-tasks-jitter",
    type=_NOT_NEGATIVE,
    default=0,
    help="Up to so many more, at random, so that workers do not recycle or fetch in step.",
)
@click.option(
    "--max-prefetch",
    type=_NOT_NEGATIVE,
    default=0,
    help="Messages that a worker fetches before it has a place for them.",
)
@click.option(
    "--max-fails",
    type=int,
    default=-1,
    help="End when workers have failed so many times; -1 for never.",
)
@click.option(
    "--ack-type",
    type=click.Choice(_ACK_TYPES, case_sensitive=False),
    default="when_saved",
    help="When messages are acknowledged.",
)
@click.option(
    "--max-tasks-per-child", type=_AT_LEAST_ONE, help="Replace a worker after so many tasks."
)
@click.option(
    "--queues",
    metavar="NAMES",
    callback=queue_selection,
    help="Listen to these queues, such as mails,reports=3: reports gets three times as many slots.",
)
@click.option(
    "--queues-strict",
    is_flag=True,
    help="Take from a queue of --queues only while those before it are empty.",
)
@click.option(
    "--health",
    metavar="ADDRESS",
    callback=health_address,
    help="Serve health as JSON over HTTP, at HOST:PORT or unix:/PATH.",
)
@click.option(
    "--with-scheduler",
    metavar="PATH",
    help="Serve this scheduler, too, in every worker process; such as app.tkq:scheduler.",
)
@click.option(
    "--fork-server/--no-fork-server",
    default=None,
    show_default="with two workers or more, on Linux",
    help="Fork workers from a process that has imported what they need, so that they share memory.",
)
@no_plugin_option
@click.pass_context
def worker(context: click.Context, /, arguments: tuple[str, ...], **options: Any) -> None:
    """Run tasks in worker processes, until SIGTERM or SIGINT.

    BROKER_PATH is the path of a broker or of a function that makes one, such as app.tkq:broker; it
    may be left out if pyproject.toml has it: [tool.taskiq] broker = "app.tkq:broker". MODULES are
    imported for the tasks that they declare, such as app.tasks.
    """
    if isinstance(context.command, ConfigurableCommand):
        warn_of_misspelt_variables(context.command.variables())
    if options["queues_strict"] and not options["queues"]:
        raise click.UsageError("--queues-strict needs --queues: the order in which they are named.")
    broker, modules = broker_and_modules(arguments)
    if os.name != "posix":
        raise click.UsageError("taskiq worker needs a POSIX system; on Windows, run it in WSL.")
    if options["fork_server"] and sys.platform != "linux":
        raise click.UsageError("--fork-server needs Linux; elsewhere each worker is a new Python.")
    if options["reload"]:
        from taskiq_cli.reload.requirements import check_reload_requirements

        check_reload_requirements()
    check_required_plugins()
    if options["with_scheduler"]:
        from taskiq_cli.worker.services import check_service

        check_service("scheduler")
    from taskiq_cli.supervisor.launch import become_supervisor

    become_supervisor(WorkerOptions(broker=broker, modules=modules, **options))
