"""What taskiq-cli adds to taskiq: the commands that come with it."""

from taskiq_core.plugins import CommandSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)

COMMANDS = (
    CommandSpec(
        "worker",
        target="taskiq_cli.commands.worker:worker",
        help="Run tasks in worker processes.",
    ),
    CommandSpec(
        "tasks",
        target="taskiq_cli.commands.tasks:tasks",
        help="List the tasks that a broker can run.",
    ),
    CommandSpec(
        "plugins",
        target="taskiq_cli.commands.plugins:plugins",
        help="List the installed plugins, and what is wrong with those that do not work.",
    ),
)


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """The commands of this package."""
    return list(COMMANDS)
