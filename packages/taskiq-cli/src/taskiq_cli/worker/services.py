"""Worker services: what plugins run beside the tasks of a worker process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from taskiq_core.abc.worker_service import WorkerService
from taskiq_core.plugins import load_project_plugins

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker

logger = logging.getLogger(__name__)

FIRST_WORKER: Final = "worker-0"


def check_service(name: str) -> None:
    """Raise PluginError unless a plugin that takes part has this service; imports nothing of it."""
    load_project_plugins().worker_services[name]


def load_service(
    name: str, argument: str, *, worker: str, run: Callable[[Awaitable[Any]], Any]
) -> "RunningService":
    """Import a service and let it load what it needs of the application.

    Args:
        name: of the service.
        argument: for its `load`.
        worker: name of this worker process.
        run: runs an awaitable in the worker's event loop.

    Raises:
        PluginError: no plugin has the service, or it can't be imported.
        LoadError: something of the application can't be loaded.
    """
    plugins = load_project_plugins()
    spec = plugins.worker_services[name]
    found = plugins.resolve(spec)
    if not (isinstance(found, type) and issubclass(found, WorkerService)):
        raise plugins.reject(spec, f"{spec.target} is not a subclass of WorkerService")
    service = run(found.load(argument, is_first_worker=worker == FIRST_WORKER))
    return RunningService(name, service)


class RunningService:
    """A service that is loaded and can be served.

    Args:
        name: of the service, for logs.
        service: the service.
    """

    def __init__(self, name: str, service: WorkerService) -> None:
        self._name = name
        self._service = service

    async def serve(self, broker: "AsyncBroker", finish: asyncio.Event) -> None:
        """Serve until the worker leaves; an exception is logged, and ends the service only."""
        try:
            await self._service.serve(broker, finish=finish)
        except Exception:
            # Tasks go on; the services of the other worker processes do, too.
            logger.exception("The worker service %r has ended", self._name)
