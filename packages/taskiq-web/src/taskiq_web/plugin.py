"""What taskiq-web adds to taskiq: the command `taskiq web`."""

from taskiq_core.plugins import CommandSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """The command of the dashboard."""
    return [
        CommandSpec("web", target="taskiq_web.command:web", help="Serve a dashboard of a broker.")
    ]
