"""The modules that the fork server imports for its workers; never the application."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from taskiq_core.exceptions import TaskiqError, reason_of
from taskiq_core.preload import preload

WORKER_MODULES = (
    "taskiq_cli.health.worker_state_writer",
    "taskiq_cli.processes.shared_folder",
    "taskiq_cli.worker.__main__",
    "taskiq_cli.worker.event_loop",
    "taskiq_cli.worker.executors",
    "taskiq_cli.worker.load_receiver",
    "taskiq_cli.worker.log_setup",
    "taskiq_cli.worker.serve",
    "concurrent.futures.thread",
)
"""What every worker imports, whatever its options."""


class ThreadStartedError(Exception):
    """A module has started a thread: processes that are forked beside threads may hang."""


def preload_modules(on_skip: Callable[[str], object]) -> None:
    """Import what workers need: ours, the event loop, and what plugins register for it.

    Args:
        on_skip: called with the name of a plugin's module that can't be imported, and the reason.

    Raises:
        ThreadStartedError: a module of a plugin has started a thread; it is named.
    """
    for name in WORKER_MODULES:
        import_module(name)
    from taskiq_cli.worker.event_loop import loop_factory

    loop_factory()  # imports the event loop, and makes none
    preload()
    for name in _modules_of_plugins():
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001  # a worker that needs it tells more
            on_skip(f"{name}: {reason_of(error)}")
        _refuse_threads(name)


def _modules_of_plugins() -> list[str]:
    from taskiq_core.plugins import PluginStatus, load_project_plugins

    try:
        plugins = load_project_plugins().plugins
    except TaskiqError:
        return []  # the command has said so, or the worker will
    return [
        each.module
        for plugin in plugins
        if plugin.status is PluginStatus.OK
        for each in plugin.preload_modules
    ]


def _refuse_threads(name: str) -> None:
    if len([*Path("/proc/self/task").iterdir()]) > 1:
        raise ThreadStartedError(
            f"{name}, which a plugin has imported before workers are forked, starts a thread"
        )
