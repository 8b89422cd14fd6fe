"""SpoolBroker: `kick` writes a file, `listen` claims one."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from taskiq_core import AsyncBroker, BrokerMessage, Capability
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_spool import letters
from taskiq_spool.delivery import FileDelivery
from taskiq_spool.results import SpoolResultBackend
from taskiq_spool.spool import Claim, Spool


class SpoolBroker(AsyncBroker):
    """Messages as files: in `new` until a worker claims them, then in `claimed`; or in `dead`.

    A worker locks what it has claimed. If it dies, the kernel unlocks it, and another worker puts
    it back.

    Args:
        folder: where the files are; made if it is not there.
        poll_interval: seconds between two looks into an empty folder.
    """

    capabilities = frozenset({Capability.ACK, Capability.RELEASE, Capability.DEAD_LETTER})

    def __init__(self, folder: str | Path, *, poll_interval: float = 0.05) -> None:
        self.spool = Spool(Path(folder))
        self.poll_interval = poll_interval
        self._claims: set[Claim] = set()
        super().__init__(result_backend=SpoolResultBackend(Path(folder) / "results"))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `spool:///folder`."""
        return cls(urlsplit(url).path, **options)

    async def shutdown(self) -> None:
        """Let go of what was not settled: other workers put it back."""
        await super().shutdown()
        for claim in list(self._claims):
            self.let_go(claim)
            claim.unlock()

    async def kick(self, message: BrokerMessage) -> None:
        """Write a file: the task's name, a line feed and the message."""
        self.spool.put(message.task_id, message.task_name.encode() + b"\n" + message.message)

    async def listen(self) -> AsyncGenerator[FileDelivery, None]:
        """Claim files, oldest first, and put back what dead workers had."""
        while True:
            self.spool.recover()
            for claim in self.spool.claims():
                self._claims.add(claim)
                yield FileDelivery(claim, self.spool, self)
            await asyncio.sleep(self.poll_interval)

    def let_go(self, claim: Claim) -> None:
        """A delivery tells that it is settled."""
        self._claims.discard(claim)

    # -- the queue as operators see it --------------------------------------------------------

    async def stats(self) -> QueueStats:
        """How many files there are, and where."""
        waiting, delivered = (
            sum(1 for _ in folder.iterdir()) for folder in (self.spool.new, self.spool.claimed)
        )
        return QueueStats(
            waiting=waiting, delivered=delivered, delayed=0, dead=letters.count(self.spool)
        )

    async def purge(self) -> int:
        """Delete what waits; how many messages that was."""
        claims = list(self.spool.claims())
        return sum(self.spool.forget(claim) for claim in claims)

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """Messages that were buried."""
        return letters.read_letters(self.spool, limit, offset)

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Queue dead letters again."""
        return letters.replay(self.spool, letter_ids)

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters."""
        return letters.purge(self.spool, letter_ids)
