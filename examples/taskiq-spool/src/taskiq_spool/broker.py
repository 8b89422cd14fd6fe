"""SpoolBroker: `kick` writes a file, `listen` claims one."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from taskiq_core import AsyncBroker, BrokerMessage, Capability
from taskiq_spool.delivery import FileDelivery
from taskiq_spool.results import SpoolResultBackend


class SpoolBroker(AsyncBroker):
    """Messages as files: in `new` until a worker claims them, then in `claimed`; or in `dead`.

    Claims of a worker that was killed stay in `claimed`; move them back to `new` by hand.

    Args:
        folder: where the files are; made if it is not there.
        poll_interval: seconds between two looks into an empty folder.
    """

    capabilities = frozenset({Capability.ACK, Capability.RELEASE, Capability.DEAD_LETTER})

    def __init__(self, folder: str | Path, *, poll_interval: float = 0.05) -> None:
        self.folder = Path(folder)
        self.poll_interval = poll_interval
        super().__init__(result_backend=SpoolResultBackend(self.folder / "results"))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `spool:///folder`."""
        return cls(urlsplit(url).path, **options)

    async def startup(self) -> None:
        """Make the folders."""
        for name in ("tmp", "new", "claimed", "dead", "results"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        await super().startup()

    async def kick(self, message: BrokerMessage) -> None:
        """Write a file, and move it to where workers see it only when it is whole."""
        unfinished = self.folder / "tmp" / message.task_id
        unfinished.write_bytes(message.message)
        unfinished.rename(self.folder / "new" / message.task_id)

    async def listen(self) -> AsyncGenerator[FileDelivery, None]:
        """Claim files, oldest first: a rename succeeds for one worker alone."""
        while True:
            waiting = sorted((self.folder / "new").iterdir(), key=_age)
            for file in waiting:
                claimed = self.folder / "claimed" / file.name
                try:
                    file.rename(claimed)
                except FileNotFoundError:
                    continue  # another worker was faster
                yield FileDelivery(claimed, self.folder)
            if not waiting:
                await asyncio.sleep(self.poll_interval)


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
