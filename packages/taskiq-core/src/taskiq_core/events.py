"""The events of a broker, and the handlers of programs."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeAlias

from taskiq_core.asynctools import maybe_awaitable
from taskiq_core.state import TaskiqState

logger = logging.getLogger(__name__)

EventHandler: TypeAlias = Callable[[TaskiqState], Awaitable[None] | None]


class TaskiqEvents(Enum):
    """The moments that handlers can be registered for."""

    WORKER_STARTUP = "WORKER_STARTUP"
    CLIENT_STARTUP = "CLIENT_STARTUP"
    WORKER_SHUTDOWN = "WORKER_SHUTDOWN"
    CLIENT_SHUTDOWN = "CLIENT_SHUTDOWN"


class EventHandlers(defaultdict[TaskiqEvents, list[EventHandler]]):
    """The handlers of a broker, by event, called in the order of their registration."""

    def __init__(self) -> None:
        super().__init__(list)

    async def fire(self, event: TaskiqEvents, state: TaskiqState) -> None:
        """Call every handler of the event with the broker's state; the first error ends it."""
        for handler in self.get(event, ()):
            logger.debug("Calling %r for %s", handler, event.value)
            await maybe_awaitable(handler(state))
