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
        "queue",
        target="taskiq_cli.commands.queue:queue",
        help="See what queues hold; pause, resume or purge them.",
    ),
    CommandSpec(
        "messages",
        target="taskiq_cli.commands.messages:messages",
        help="List messages that wait, run, are delayed or dead.",
    ),
    CommandSpec(
        "move",
        target="taskiq_cli.commands.messages:move",
        help="Have a delayed message delivered now.",
    ),
    CommandSpec(
        "workers",
        target="taskiq_cli.commands.workers:workers",
        help="List the workers of all machines, and what they run.",
    ),
    CommandSpec(
        "history",
        target="taskiq_cli.commands.history:history",
        help="List deliveries that have ended; show how fast tasks run.",
    ),
    CommandSpec(
        "top",
        target="taskiq_cli.commands.top:top",
        help="Watch queues, workers and rates.",
    ),
    CommandSpec(
        "send",
        target="taskiq_cli.commands.send:send",
        help="Send a task by its name.",
    ),
    CommandSpec(
        "dead",
        target="taskiq_cli.commands.dead:dead",
        help="List, show, replay or purge messages that were buried.",
    ),
    CommandSpec(
        "abort",
        target="taskiq_cli.commands.abort:abort",
        help="Abort a task, wherever it is.",
    ),
    CommandSpec(
        "result",
        target="taskiq_cli.commands.result:result",
        help="Show the result of a task, or where it is.",
    ),
    CommandSpec(
        "health",
        target="taskiq_cli.health.command:health",
        help="Ask a worker how it is, for probes.",
    ),
    CommandSpec(
        "tasks",
        target="taskiq_cli.commands.tasks:tasks",
        help="List the tasks that a broker can run.",
    ),
    CommandSpec(
        "plugins",
        target="taskiq_cli.commands.plugins:plugins",
        help="List the installed plugins, and what is wrong with the ones that do not work.",
    ),
)


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """The commands of this package."""
    return list(COMMANDS)
