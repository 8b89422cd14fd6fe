"""ReferenceBroker: a broker that keeps the whole contract, in as few lines as it takes."""

import json
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import astuple, fields
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
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryPage,
    MinuteCounters,
)
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_testkit.reference.calls import call
from taskiq_testkit.reference.claims import ReferenceTickClaims
from taskiq_testkit.reference.messages import NewMessage
from taskiq_testkit.reference.queue import ReferenceQueue
from taskiq_testkit.reference.results import ReferenceResultBackend

POLL_INTERVAL: Final = 60.0
"""Seconds; workers are woken by the server, and tests would not wait for a poll."""
MAX_EXPIRED: Final = 100
"""Messages that are refused at once as expired."""


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
        return fetch_loop(self._queue(), slots, poll_interval=POLL_INTERVAL)

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Renew by the tokens of the deliveries."""
        return await renew_leases(deliveries)

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Take back what leases ran out on, or what a worker had."""
        return int(await self.call("reclaim", owner))

    async def expire_queued(self) -> Sequence[Delivery]:
        """Take expired messages."""
        return await self._queue().fetch_expired(MAX_EXPIRED)

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

    # -- queues, as operators see them ----------------------------------------------------

    async def queue_names(self) -> Sequence[str]:
        """Return the queues that have held a message."""
        return list(await self.call("queue_names"))

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count the messages of a queue."""
        return QueueStats(*await self.call("stats", queue or self.queue_name))

    async def messages(
        self,
        state: MessageState,
        *,
        queue: str | None = None,
        where: MessageFilter = ALL_MESSAGES,
        after: str | None = None,
        limit: int = 100,
        with_body: bool = False,
    ) -> MessagePage:
        """Return a page of messages; keys are places in the order of the page, as text."""
        place = None if after is None else _place(after)
        found, is_more = await self.call(
            "list_messages", state, queue or self.queue_name, place, limit, where, with_body
        )
        messages = [_message_info(place, facts) for place, facts in found]
        return MessagePage(messages, messages[-1].key if is_more else None)

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Have a delayed message delivered."""
        return bool(await self.call("move_to_now", task_id, queue or self.queue_name))

    async def pause(self, *, queue: str | None = None) -> None:
        """Have a queue hand out nothing."""
        await self.call("pause", queue or self.queue_name)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have a queue hand out messages again."""
        await self.call("resume", queue or self.queue_name)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        return (await self.stats(queue=queue)).is_paused

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop what waits or is delayed."""
        return int(await self.call("purge", queue or self.queue_name))

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return a page of the dead letters."""
        found = await self.call("letters", limit, offset, queue or self.queue_name)
        return [_letter(*facts) for facts in found]

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again."""
        return int(await self.call("replay", _listed(letter_ids), queue or self.queue_name))

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters."""
        return int(await self.call("purge_letters", _listed(letter_ids), queue or self.queue_name))

    # -- workers, and the past ------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker."""
        await self.call("workers.announce", record.model_dump_json(), ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker."""
        await self.call("workers.withdraw", worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records that have not ended."""
        return list(map(WorkerRecord.model_validate_json, await self.call("workers.all")))

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        """Keep what a worker reports."""
        if self.history is None:
            return
        texts = [[each.model_dump_json() for each in some] for some in (deliveries, counters)]
        await self.call("history.add", *texts, *astuple(self.history))

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        """Return a page of deliveries that have ended."""
        if after is not None and not after.isdecimal():
            raise _wrong_key(after)
        found = await self.call("history.page", task_name, task_id, end, after, limit)
        return HistoryPage.model_validate_json(found)

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        """Return the counters of each minute and task."""
        found = await self.call("history.counters", since, task_name)
        return list(map(MinuteCounters.model_validate_json, found))

    def _queue(self) -> ReferenceQueue:
        queues = self.queues or QueueSelection({self.queue_name: 1})
        return ReferenceQueue(self.address, self.lease, queues=queues, owner=self.worker_id)


def _listed(letter_ids: Collection[str] | None) -> list[str] | None:
    return None if letter_ids is None else list(letter_ids)


def _place(after: str) -> list[float]:
    try:
        place = json.loads(after)
    except ValueError:
        raise _wrong_key(after) from None
    if not isinstance(place, list):
        raise _wrong_key(after)
    return place


def _wrong_key(after: str) -> ValueError:
    return ValueError(f"{after!r} is not the key of a page")


def _message_info(place: list[float], facts: list[Any]) -> MessageInfo:
    names = [field.name for field in fields(MessageInfo)]
    known: dict[str, Any] = dict(zip(names, facts, strict=True))
    for name in ("sent_at", "due_at", "lease_until"):
        if known[name] is not None:
            known[name] = datetime.fromisoformat(known[name])
    known["state"] = MessageState(known["state"])
    known.update(key=json.dumps(place), owner=known["owner"] or None)
    return MessageInfo(**known)


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
        queue=labels.queue,
    )
