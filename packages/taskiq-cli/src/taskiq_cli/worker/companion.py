"""A scheduler in a worker process, if taskiq-scheduler is there to run it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

from taskiq_cli.errors import ExtraMissingError
from taskiq_core.broker import AsyncBroker

logger = logging.getLogger(__name__)

# By name: taskiq-scheduler stands above this package, and may be absent.
RUNNER: Final = "taskiq_scheduler.in_worker"
FIRST: Final = "worker-0"
"""The name of the worker process that serves what only one may serve."""


class Companion:
    """A scheduler, loaded and ready to be served.

    Args:
        path: of the scheduler.
        name: of this worker process.
        run: runs what is to be awaited while it is loaded.

    Raises:
        ExtraMissingError: taskiq-scheduler is not installed.
        LoadError: the scheduler can't be imported.
    """

    def __init__(self, path: str, name: str, run: Callable[[Awaitable[Any]], Any]) -> None:
        check_scheduler()
        self._runner = import_module(RUNNER)
        self._is_first = name == FIRST
        self._scheduler = run(self._runner.load(path))

    async def serve(self, broker: AsyncBroker, finish: asyncio.Event) -> None:
        """Serve it until the worker is told to leave; a failure is logged, and ends it."""
        try:
            await self._runner.serve(
                self._scheduler, broker=broker, is_first=self._is_first, finish=finish
            )
        except Exception:
            # Tasks go on; the other workers' schedulers make up for this one.
            logger.exception("The scheduler beside the tasks has ended")


def check_scheduler() -> None:
    """See whether there is anything to run a scheduler.

    Raises:
        ExtraMissingError: taskiq-scheduler is not installed.
    """
    try:
        import_module(RUNNER)
    except ModuleNotFoundError as error:
        if error.name is None or not RUNNER.startswith(error.name):
            raise
        raise ExtraMissingError(
            option="--with-scheduler",
            package="taskiq-scheduler",
            cure="pip install taskiq-scheduler",
        ) from error
