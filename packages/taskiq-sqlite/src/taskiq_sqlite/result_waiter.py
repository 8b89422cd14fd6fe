"""ResultWaiter: one reader of new results for all callers of one event loop that wait."""

import asyncio
from typing import Final

from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.result_rows import NewResults, are_ready, last_result, results_after
from taskiq_sqlite.storage.transaction import Topic

LINGER: Final = 5.0
"""Seconds that the reader goes on without callers: the next one may come soon."""


class ResultWaiter:
    """Wakes callers that wait for results, whichever process stores the results.

    Args:
        database: where results are stored.
        poll_interval: seconds after which to look although no notification came.
    """

    def __init__(self, database: Database, poll_interval: float) -> None:
        self.loop = asyncio.get_running_loop()
        self._database = database
        self._poll_interval = poll_interval
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_listening: asyncio.Future[None] | None = None
        self._idle_since = 0.0

    async def wait(self, task_id: str) -> None:
        """Wait until a task has a result.

        Raises:
            DatabaseError: the file can't be used.
        """
        arrival: asyncio.Future[None] = self.loop.create_future()
        self._waiters.setdefault(task_id, set()).add(arrival)
        try:
            # In this order: the reader sees what is stored after the question.
            await self._listening()
            if not await self._database.read(are_ready, task_id):
                await arrival
        finally:
            self._leave(task_id, arrival)

    async def stop(self) -> None:
        """End the reader; callers that still wait start another."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _listening(self) -> None:
        if self._task is None or self._task.done():
            self._is_listening = self.loop.create_future()
            self._task = self.loop.create_task(self._read(self._is_listening))
        if self._is_listening is not None:
            await asyncio.shield(self._is_listening)

    async def _read(self, is_listening: asyncio.Future[None]) -> None:
        try:
            with self._database.wakeup(Topic.RESULTS) as wakeup:
                last = await self._database.read(last_result, None)
                is_listening.set_result(None)
                while self._is_wanted():
                    wakeup.clear()
                    found = await self._database.read(results_after, last)
                    self._arrived(found)
                    if found.last == last:
                        await wakeup.wait(self._poll_interval)
                    last = found.last
        except asyncio.CancelledError:
            # The callers start another reader, or are cancelled as well.
            self._end(is_listening, None)
            raise
        except Exception as error:  # noqa: BLE001  # it is raised to the callers
            self._end(is_listening, error)

    def _is_wanted(self) -> bool:
        now = self.loop.time()
        if self._waiters or not self._idle_since:
            self._idle_since = now
        return now - self._idle_since < LINGER

    def _arrived(self, found: NewResults) -> None:
        for task_id in found.task_ids:
            for arrival in self._waiters.get(task_id, ()):
                if not arrival.done():
                    arrival.set_result(None)

    def _end(self, is_listening: asyncio.Future[None], error: Exception | None) -> None:
        waiting = [arrival for waiters in self._waiters.values() for arrival in waiters]
        for future in (is_listening, *waiting):
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
        if error is not None and is_listening.done():
            is_listening.exception()  # a caller may not be there to see it

    def _leave(self, task_id: str, arrival: asyncio.Future[None]) -> None:
        if arrival.done() and not arrival.cancelled():
            arrival.exception()  # likewise
        waiters = self._waiters.get(task_id, set())
        waiters.discard(arrival)
        if not waiters:
            self._waiters.pop(task_id, None)
