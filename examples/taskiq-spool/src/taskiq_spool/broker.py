"""SpoolBroker: connects a queue of files with the toolkit for brokers."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from taskiq_core import AsyncBroker, BrokerMessage, Delivery
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.brokers.url_options import read_url_options
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_spool.options import CAPABILITIES
from taskiq_spool.queue import Ids, SpoolQueue


class SpoolBroker(AsyncBroker):
    """Keeps messages in a folder that the processes of one machine share; times are seconds."""

    capabilities = CAPABILITIES

    def __init__(self, folder: str, *, lease: float = 30.0, poll_interval: float = 0.05) -> None:
        super().__init__()
        self.queue = SpoolQueue(Path(folder), lease)
        self.poll_interval = poll_interval

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        address, found = read_url_options(url, {"lease": float, "poll_interval": float})
        return cls(urlsplit(address).path, **{**found, **options})

    async def kick(self, message: BrokerMessage) -> None:
        self.queue.put(message, queue_labels(message).delay)

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        return fetch_loop(self.queue, slots, poll_interval=self.poll_interval)

    def listen(self) -> AsyncGenerator[Delivery, None]:
        return self.deliveries(Slots(1))

    async def reclaim(self, *, owner: str | None = None) -> int:
        return self.queue.reclaim()

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        return self.queue.stats()

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        return self.queue.dead_letters(limit, offset)

    async def replay_dead_letters(self, letter_ids: Ids = None, *, queue: str | None = None) -> int:
        return self.queue.remove_dead(letter_ids, self.queue.put_content)

    async def purge_dead_letters(self, letter_ids: Ids = None, *, queue: str | None = None) -> int:
        return self.queue.remove_dead(letter_ids, use=len)
