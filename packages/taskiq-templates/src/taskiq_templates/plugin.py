"""What taskiq-templates adds to taskiq."""

from taskiq_core.plugins import CommandSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """One command."""
    return [
        CommandSpec(
            "new",
            target="taskiq_templates.command:new",
            help="Make a plugin: a broker, a result backend, a middleware ...",
        )
    ]
