"""The threads of plain functions whose results are decided, and that go on all the same."""

import asyncio
from typing import Any

from taskiq_core.flow.run_state import Run
from taskiq_core.flow.running_deliveries import name_of
from taskiq_core.loggers import get_logger

logger = get_logger(__name__)


class AbandonedThreads:
    """Keeps the slots of such threads until they end."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[Any]] = set()
        self._is_draining = False

    def drain(self) -> None:
        """Wait for no thread any more: the worker ends, and nobody needs the slots."""
        self._is_draining = True
        for waiting in self._waiting:
            waiting.cancel()

    async def wait(self, run: Run) -> None:
        """Keep the slot of a thread that goes on, until it ends or the worker does."""
        if run.abandoned is None or run.abandoned.done() or self._is_draining:
            return
        logger.warning("%s goes on in its thread; its slot stays taken", name_of(run))
        waiting = asyncio.ensure_future(asyncio.wrap_future(run.abandoned))
        self._waiting.add(waiting)
        try:
            await asyncio.wait({waiting})
        finally:
            self._waiting.discard(waiting)
        if not waiting.cancelled():
            waiting.exception()  # nobody wants to know it any more
