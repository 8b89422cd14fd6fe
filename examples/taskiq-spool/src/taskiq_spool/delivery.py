"""A claimed file, and what becomes of it."""

import asyncio
from pathlib import Path

from taskiq_core import Delivery


class FileDelivery(Delivery):
    """One message in the hands of one worker: a file that no other worker sees."""

    __slots__ = ("_file", "_spool")

    def __init__(self, file: Path, spool: Path) -> None:
        super().__init__(file.read_bytes())
        self._file = file
        self._spool = spool

    async def ack(self) -> None:
        """Delete the file."""
        self._file.unlink()

    async def release(self, delay: float = 0) -> None:
        """Put the file back; after a delay, if one is asked for."""
        await asyncio.sleep(delay)
        self._file.rename(self._spool / "new" / self._file.name)

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Keep the file with the reason beside it."""
        dead = self._spool / "dead" / self._file.name
        dead.with_suffix(".reason").write_text(reason)
        self._file.rename(dead)
