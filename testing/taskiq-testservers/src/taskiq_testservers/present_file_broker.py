"""A file broker that knows its workers, and has several queues; for tests of the command only."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from file_broker import FileBroker, FileDelivery

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import QUEUE_NAME
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.worker_record import WorkerRecord

LEASE = 60.0


class LeasedFileDelivery(FileDelivery):
    """A file in the folder of its worker."""

    def __init__(self, taken: Path, queue: Path) -> None:
        super().__init__(taken, queue)
        self.lease = LEASE

    async def extend(self) -> None:
        if not self._taken.exists():
            raise LeaseLostError(reason="it was given back")


class PresentFileBroker(FileBroker):
    """Messages are in `folder/queue`, or `folder/NAME`, and while worker W has them in `taken/W`.

    No lease ever runs out: what a dead worker held is given back by its id alone.
    """

    capabilities = FileBroker.capabilities | {
        Capability.LEASE,
        Capability.PRESENCE,
        Capability.QUEUES,
    }
    queue_name = "queue"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder, self.records = folder, folder / "workers"
        self.records.mkdir(exist_ok=True)

    async def kick(self, message: BrokerMessage) -> None:
        self.queue = self.folder / message.labels.get(QUEUE_NAME, self.queue_name)
        self.queue.mkdir(exist_ok=True)
        await super().kick(message)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        mine = self.taken / self.worker_id
        mine.mkdir(exist_ok=True)
        names = list(self.queues.weights) if self.queues else [self.queue_name]
        folders = [self.folder / name for name in names]
        while True:
            for folder in folders:
                for file in sorted(folder.iterdir()) if folder.exists() else []:
                    try:
                        taken = file.rename(mine / file.name)
                    except FileNotFoundError:
                        continue  # another worker was faster
                    yield LeasedFileDelivery(taken, folder)
            await asyncio.sleep(0.01)

    async def reclaim(self, *, owner: str | None = None) -> int:
        held = list((self.taken / owner).iterdir()) if owner and self.exists(owner) else []
        for file in held:
            file.rename(self.folder / self.queue_name / file.name)
        return len(held)

    def exists(self, owner: str) -> bool:
        return (self.taken / owner).exists()

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        draft = self.folder / f"draft-{record.worker_id}"
        draft.write_text(record.model_dump_json())
        draft.rename(self.records / record.worker_id)

    async def withdraw(self, worker_id: str) -> None:
        (self.records / worker_id).unlink(missing_ok=True)

    async def workers(self) -> Sequence[WorkerRecord]:
        files = sorted(self.records.iterdir())
        return [WorkerRecord.model_validate_json(file.read_text()) for file in files]
