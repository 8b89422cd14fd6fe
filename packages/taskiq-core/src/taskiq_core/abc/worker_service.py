"""The contract of worker services: what runs beside the tasks of a worker process."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self

from taskiq_core.abc.broker import AbstractBroker


class WorkerService(ABC):
    """A service that every worker process runs beside its tasks, such as an embedded scheduler.

    A plugin registers it with the hook `taskiq_register_worker_services`. An implementation must
    keep:

    - `load` imports what it needs of the application; it connects to nothing.
    - `serve` returns soon after `finish` is set, and stops what it has started.
    - What `serve` raises is logged and ends the service; the tasks of the worker go on.
    """

    @classmethod
    @abstractmethod
    async def load(cls, argument: str, *, is_first_worker: bool) -> Self:
        """Make the service, after the worker has imported the broker and the task modules.

        Args:
            argument: what the command line says to the service, such as the path of a scheduler.
            is_first_worker: whether this is the first of the worker processes that run the service.

        Raises:
            LoadError: something of the application can't be loaded; the worker does not start.
        """

    @abstractmethod
    async def serve(self, broker: AbstractBroker, *, finish: asyncio.Event) -> None:
        """Serve until the worker leaves.

        Args:
            broker: the worker's broker, started.
            finish: set when the worker is about to leave.
        """
