"""An application's broker with its tasks, or the broker of a URL, for commands."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from taskiq_cli.commands.application_options import Application
from taskiq_cli.commands.broker_arguments import is_url
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.failure import Failure

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker


def load_application(
    broker: str,
    modules: tuple[str, ...],
    application: Application,
    run: Callable[[Awaitable[Any]], Any],
) -> "AsyncBroker":
    """The broker that a path or a URL leads to, after its modules with tasks are imported.

    Args:
        broker: such as "app.tkq:broker", or "sqlite:///tasks.db".
        modules: to be imported.
        application: where to find them, and which others to import.
        run: runs what a broker's factory gives to be awaited.

    Raises:
        Failure: something can't be imported.
        PluginError: no plugin knows such a URL.
    """
    from taskiq_core.loading.error_text import whole_traceback
    from taskiq_core.loading.errors import LoadError
    from taskiq_core.loading.objects import extend_import_path
    from taskiq_core.loading.task_modules import import_tasks

    extend_import_path(application.app_dir)
    try:
        found = _find(broker, run)
        import_tasks(list(modules), application.patterns, fs_discover=bool(application.patterns))
    except LoadError as error:
        shown = error.__cause__ if application.shows_tracebacks else None
        details = f"\n{whole_traceback(shown)}" if shown else ""
        raise Failure(f"{error}{details}", ExitCode.LOAD_FAILED) from error
    return found


def _find(broker: str, run: Callable[[Awaitable[Any]], Any]) -> "AsyncBroker":
    if is_url(broker):
        from taskiq_core.plugins.urls import broker_from_url

        return broker_from_url(broker)
    from taskiq_core.loading.brokers import load_broker

    return load_broker(broker, run)
