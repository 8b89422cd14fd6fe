"""ReferenceBroker: a broker that keeps the whole contract, in as few lines as it takes."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Self
from urllib.parse import urlsplit

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.fetch_loop import fetch_loop
from taskiq_core.brokers.leased_delivery import renew_leases
from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.capabilities import Capability
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_testkit.reference.calls import call
from taskiq_testkit.reference.claims import ReferenceTickClaims
from taskiq_testkit.reference.queue import ReferenceQueue
from taskiq_testkit.reference.results import ReferenceResultBackend
from taskiq_testkit.reference.store import NewMessage

POLL_INTERVAL: Final = 60.0
"""Seconds; workers are woken by the server, and tests would not wait for a poll."""


class ReferenceBroker(AsyncBroker):
    """Carries messages by way of a `ReferenceServer`. For reading and for tests, not for use.

    Args:
        address: of the server.
        lease: seconds, as the server's store has it.
        result_backend: where results are kept; in this object by default.
        task_id_generator: makes task ids.
    """

    capabilities = frozenset(Capability) - {Capability.BROADCAST}

    def __init__(
        self,
        address: tuple[str, int],
        *,
        lease: float = 1.0,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(result_backend or ReferenceResultBackend(), task_id_generator)
        self.address = address
        self.lease = lease

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `ReferenceServer.url`."""
        parts = urlsplit(url)
        return cls((parts.hostname or "", parts.port or 0), **options)

    async def call(self, method: str, *args: Any) -> Any:
        """Call a method of the server's store."""
        return await call(self.address, method, *args)

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message."""
        await self.kick_many([message])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages, all or none."""
        await self.call("send", list(map(new_message, messages)))

    def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one."""
        return self.deliveries(Slots(1))

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries, as many as there are slots."""
        queue = ReferenceQueue(self.address, self.lease)
        return fetch_loop(queue, slots, poll_interval=POLL_INTERVAL)

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew by the tokens of the deliveries."""
        return await renew_leases(deliveries)

    async def reclaim(self) -> int:
        """Take back what leases ran out on."""
        return int(await self.call("reclaim"))

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a message as aborted."""
        return AbortState(await self.call("abort", task_id))

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of running tasks that are to be aborted."""
        known: list[str] = []
        while True:
            for task_id in await self.call("aborted", known):
                known.append(task_id)
                yield task_id

    def tick_claims(self, *, lease: float = 60.0) -> ReferenceTickClaims:
        """Claims in the server's store."""
        return ReferenceTickClaims(self.call, lease)

    async def stats(self) -> QueueStats:
        """How many messages there are."""
        return QueueStats(*await self.call("stats"))

    async def purge(self) -> int:
        """Drop what waits or is delayed."""
        return int(await self.call("purge"))

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """A page of the dead letters."""
        return [_letter(*facts) for facts in await self.call("letters", limit, offset)]

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Queue dead letters again."""
        return int(await self.call("replay", letter_ids and list(letter_ids)))

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters."""
        return int(await self.call("purge_letters", letter_ids and list(letter_ids)))


def _letter(*facts: Any) -> DeadLetter:
    names = [field.name for field in fields(DeadLetter)]
    known: dict[str, Any] = dict(zip(names, facts, strict=True))
    known["buried_at"] = datetime.fromisoformat(known["buried_at"])
    return DeadLetter(**known)


def new_message(message: BrokerMessage) -> NewMessage:
    """Return what the store is to know of a message."""
    labels = queue_labels(message)
    return NewMessage(
        message.task_id,
        message.task_name,
        message.message,
        delay=labels.delay,
        priority=labels.priority,
        expires_after=labels.expires_after,
        unique_key=labels.unique_key,
    )
