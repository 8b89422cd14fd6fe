"""Settling: deliveries are acknowledged, released, buried and renewed.

The server does not compare: an acknowledgement, or a renewal, by a worker that lost its lease would
be applied to the delivery of the next one. So each delivery has a clock of its own, and what comes
too late is refused here.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeAlias

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal, lease_lost
from taskiq_core.exceptions import reason_of
from taskiq_core.loggers import get_logger
from taskiq_nats.queue.codec import Record
from taskiq_nats.queue.watch import QueueWatch
from taskiq_nats.storage import values
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames

logger = get_logger(__name__)

ACK: Final = b"+ACK"
IN_PROGRESS: Final = b"+WPI"
MESSAGE_ID: Final = "Nats-Msg-Id"
CHUNK: Final = 1_000
MARGIN: Final = 0.1
"""Part of a lease, and LONGEST_MARGIN seconds at most, by which a worker gives it up too early."""
LONGEST_MARGIN: Final = 1.0


class HeldMessage:
    """A message in the hands of this worker.

    Attributes:
        reply: the subject by which it is settled.
        number: in its stream.
        record: what was stored.
        attempt: of this delivery.
        unsettled: earlier deliveries that ended without being settled.
        deadline: when the lease is taken for lost, by the monotonic clock.
        is_settled: whether it is settled, or being settled.
    """

    __slots__ = ("attempt", "deadline", "is_settled", "number", "record", "reply", "unsettled")

    def __init__(self, record: Record, reply: str, *, number: int, delivered: int) -> None:
        self.record = record
        self.reply = reply
        self.number = number
        self.attempt = record.attempts + delivered
        self.unsettled = record.unsettled + delivered - 1
        self.deadline = 0.0
        self.is_settled = False

    @property
    def is_lost(self) -> bool:
        """Whether it must not be settled by this worker any more."""
        return self.is_settled or monotonic() >= self.deadline


NatsToken: TypeAlias = LeaseToken[HeldMessage]
NatsDelivery: TypeAlias = LeasedDelivery[HeldMessage]
"""One message, leased to this worker."""


def deadline_of(lease: float, since: float) -> float:
    """Return when a lease is taken for lost that was given or renewed at a moment."""
    return since + lease - min(lease * MARGIN, LONGEST_MARGIN)


class Settler:
    """Settles the deliveries of a queue; the `LeasedQueue` of its deliveries.

    Attributes:
        acknowledge: forgets the message of a token.

    Args:
        connection: to the server.
        names: of the queue.
        watch: knows the aborts.
    """

    def __init__(self, connection: NatsConnection, names: QueueNames, watch: QueueWatch) -> None:
        self._connection = connection
        self._names = names
        self._watch = watch
        self.acknowledge = Coalescer[NatsToken, None](self._acknowledge, most=CHUNK)

    async def release(self, token: NatsToken, delay: float = 0.0) -> None:
        """Store the message again, with its counts, then acknowledge this delivery."""
        held = token.message_id
        aborted = held.record.aborted or self._watch.is_aborted(held.record.task_id, held.number)
        record = replace(
            held.record,
            attempts=held.attempt,
            unsettled=held.unsettled,
            due=time.time() + delay if delay > 0 else 0.0,
            aborted=aborted,
        )
        await self._replace(token, record)

    async def bury(self, token: NatsToken, reason: str, error: str | None) -> None:
        """Store the message in the stream of dead letters, then acknowledge this delivery.

        Args:
            token: the lease on the message.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.
        """
        held = token.message_id
        self._begin(held)
        try:
            record = replace(held.record, attempts=held.attempt, key=None)
            payload = record.to_bytes(reason=reason, error=error, at=datetime.now(UTC).isoformat())
            subject = self._names.dead_subject(held.record.task_id or "unreadable")
            headers = {MESSAGE_ID: f"{held.number}.{token.fence}"}
            await self._connection.publish(subject, payload, headers)
            await self._ack_at_last(held)
        except BaseException:
            held.is_settled = False
            raise
        await self._forget([held])

    async def renew(self, tokens: Sequence[NatsToken], lease: float) -> Sequence[Renewal]:
        """Extend leases; all leave in one write, and each is confirmed."""
        open_ones = [token.message_id for token in tokens if not token.message_id.is_lost]
        now = monotonic()
        requests = ((held.reply, IN_PROGRESS, None) for held in open_ones)
        for held, reply in zip(open_ones, await self._connection.call_many(requests), strict=True):
            if isinstance(reply, Exception):
                raise reply
            held.deadline = deadline_of(lease, now)
        return [self._renewal(token.message_id) for token in tokens]

    async def give_back(self, deliveries: Sequence[NatsDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt, to the end of the queue.

        A delivery that can't be returned stays leased until its lease runs out.
        """
        returns = (self._return(each.token) for each in deliveries)
        for outcome in await asyncio.gather(*returns, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.debug("A delivery waits for its lease: %s", reason_of(outcome))

    async def _return(self, token: NatsToken) -> None:
        held = token.message_id
        record = replace(held.record, attempts=held.attempt - 1, unsettled=held.unsettled)
        await self._replace(token, record)

    async def _replace(self, token: NatsToken, record: Record) -> None:
        held = token.message_id
        self._begin(held)
        task_id = record.task_id or "unreadable"
        subject = self._names.later_subject if record.due else self._names.now_subject
        try:
            # Repeated, it is stored once.
            headers = {MESSAGE_ID: f"{held.number}.{token.fence}"}
            await self._connection.publish(subject(task_id), record.to_bytes(), headers)
            await self._ack_at_last(held)
        except BaseException:
            held.is_settled = False
            raise
        if held.record.task_id is not None:
            await self._watch.forget(held.record.task_id, held.number)

    def _begin(self, held: HeldMessage) -> None:
        if held.is_lost:
            raise lease_lost()
        held.is_settled = True

    async def _ack_at_last(self, held: HeldMessage) -> None:
        await self._connection.call(held.reply, ACK)

    async def _acknowledge(self, tokens: Sequence[NatsToken]) -> Sequence[BaseException | None]:
        outcomes: list[BaseException | None] = [None] * len(tokens)
        begun: list[int] = []
        for place, token in enumerate(tokens):
            if token.message_id.is_lost:
                outcomes[place] = lease_lost()
            else:
                token.message_id.is_settled = True
                begun.append(place)
        requests = ((tokens[place].message_id.reply, ACK, None) for place in begun)
        try:
            replies = await self._connection.call_many(requests)
        except BaseException:
            for place in begun:
                tokens[place].message_id.is_settled = False
            raise
        settled: list[HeldMessage] = []
        for place, reply in zip(begun, replies, strict=True):
            held = tokens[place].message_id
            if isinstance(reply, Exception):
                held.is_settled = False
                outcomes[place] = reply
            else:
                settled.append(held)
        await self._forget(settled)
        return outcomes

    async def _forget(self, settled: Sequence[HeldMessage]) -> None:
        """Free the unique keys, and delete the marks of aborts, of messages that are gone."""
        for held in settled:
            try:
                if held.record.key is not None:
                    await values.delete(self._connection, self._names.state, held.record.key.number)
                if held.record.task_id is not None:
                    await self._watch.forget(held.record.task_id, held.number)
            except Exception as error:  # noqa: BLE001  # a key without a message is taken over
                logger.debug("A value stays that is not needed: %s", reason_of(error))

    def _renewal(self, held: HeldMessage) -> Renewal:
        if held.is_lost:
            return Renewal.LOST
        if self._watch.is_aborted(held.record.task_id, held.number):
            return Renewal.ABORTED
        return Renewal.DONE
