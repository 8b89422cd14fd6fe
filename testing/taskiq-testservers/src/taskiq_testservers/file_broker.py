"""A broker of files in a folder, small enough to be read at a glance; for these tests only."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage


class FileDelivery(Delivery):
    """A file that was moved from `queue` to `taken`."""

    def __init__(self, taken: Path, queue: Path) -> None:
        super().__init__(taken.read_bytes())
        self._taken, self._queue = taken, queue

    async def ack(self) -> None:
        self._taken.unlink()

    async def release(self, delay: float = 0) -> None:
        self._taken.rename(self._queue / self._taken.name)


class FileBroker(AsyncBroker):
    """Messages are files in `folder/queue`, and in `folder/taken` while a worker has them."""

    capabilities = frozenset({Capability.ACK, Capability.RELEASE})

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.queue, self.taken = folder / "queue", folder / "taken"
        self.queue.mkdir(parents=True, exist_ok=True)
        self.taken.mkdir(exist_ok=True)

    async def kick(self, message: BrokerMessage) -> None:
        draft = self.taken.parent / f"draft-{message.task_id}"
        draft.write_bytes(message.message)
        draft.rename(self.queue / f"{time.time_ns()}-{message.task_id}")

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        while True:
            for file in sorted(self.queue.iterdir()):
                try:
                    taken = file.rename(self.taken / file.name)
                except FileNotFoundError:
                    continue  # another worker was faster
                yield FileDelivery(taken, self.queue)
            await asyncio.sleep(0.01)
