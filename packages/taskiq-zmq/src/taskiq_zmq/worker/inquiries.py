"""Inquiries: a worker asks its hubs whether they have a result."""

import asyncio
from collections.abc import Iterable

from taskiq_zmq.worker.link import Link


class Inquiries:
    """The hubs that have not answered yet, by task id."""

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[set[Link], asyncio.Future[None]]]] = {}

    async def wait(self, task_id: str, links: Iterable[Link]) -> None:
        """Wait until all these hubs have answered or are lost."""
        missing = set(links)
        if not missing:
            return
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = missing, answered
        self._open.setdefault(task_id, []).append(entry)
        try:
            await answered
        finally:
            entries = self._open[task_id]
            entries.remove(entry)
            if not entries:
                del self._open[task_id]

    def answered(self, task_id: str, link: Link) -> None:
        """Note that a hub has answered."""
        for missing, answered in self._open.get(task_id, ()):
            missing.discard(link)
            if not missing and not answered.done():
                answered.set_result(None)

    def on_down(self, link: Link) -> None:
        """Stop waiting for a lost hub."""
        for task_id in self._open:
            self.answered(task_id, link)
