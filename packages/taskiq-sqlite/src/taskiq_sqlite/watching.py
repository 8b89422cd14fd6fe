"""Waiting for results: one watcher for all who wait in one event loop."""

import asyncio

from taskiq_sqlite.database import Database
from taskiq_sqlite.keeping import News, are_ready, last_news, news_after
from taskiq_sqlite.transaction import Topic

LINGER = 5.0
"""Seconds that a watcher stays when nobody waits any more: somebody may soon."""


class ResultWatch:
    """Wakes those who wait for results, whichever process stores them.

    Args:
        database: where results are stored.
        poll_interval: seconds after which to look although nothing has rung.
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
        """Wait until there is a result of a task.

        Raises:
            DatabaseError: the file can't be used.
        """
        arrival: asyncio.Future[None] = self.loop.create_future()
        self._waiters.setdefault(task_id, set()).add(arrival)
        try:
            # In this order: what is stored after the question is seen by the watcher.
            await self._listening()
            if not await self._database.read(are_ready, task_id):
                await arrival
        finally:
            self._leave(task_id, arrival)

    async def stop(self) -> None:
        """End the watcher; those who still wait go on with another."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _listening(self) -> None:
        if self._task is None or self._task.done():
            self._is_listening = self.loop.create_future()
            self._task = self.loop.create_task(self._watch(self._is_listening))
        if self._is_listening is not None:
            await asyncio.shield(self._is_listening)

    async def _watch(self, is_listening: asyncio.Future[None]) -> None:
        try:
            with self._database.listen(Topic.RESULTS) as listener:
                last = await self._database.read(last_news, None)
                is_listening.set_result(None)
                while self._is_wanted():
                    listener.clear()
                    news = await self._database.read(news_after, last)
                    self._arrived(news)
                    if news.last == last:
                        await listener.wait(self._poll_interval)
                    last = news.last
        except asyncio.CancelledError:
            # Whoever waits looks for another watcher, or is cancelled as well.
            self._end(is_listening, None)
            raise
        except Exception as error:  # noqa: BLE001  # it is for those who wait
            self._end(is_listening, error)

    def _is_wanted(self) -> bool:
        now = self.loop.time()
        if self._waiters or not self._idle_since:
            self._idle_since = now
        return now - self._idle_since < LINGER

    def _arrived(self, news: News) -> None:
        for task_id in news.task_ids:
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
            is_listening.exception()  # nobody may be there to see it

    def _leave(self, task_id: str, arrival: asyncio.Future[None]) -> None:
        if arrival.done() and not arrival.cancelled():
            arrival.exception()  # likewise
        waiters = self._waiters.get(task_id, set())
        waiters.discard(arrival)
        if not waiters:
            self._waiters.pop(task_id, None)
