"""Fetching: messages are leased to this worker, as many as it has asked for."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from nats.aio.msg import Msg

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_nats.queue.codec import Record
from taskiq_nats.queue.pull import PullSubscription, positions_of
from taskiq_nats.queue.settle import HeldMessage, NatsDelivery, Settler, deadline_of
from taskiq_nats.queue.watch import QueueWatch
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames


class Fetcher:
    """Leases messages; the `MessageQueue` of the fetch loop.

    Args:
        connection: to the server.
        names: of the queue.
        settler: of its deliveries.
        watch: knows aborts and pauses.
        lease: seconds that the consumer gives messages for.
    """

    def __init__(
        self,
        connection: NatsConnection,
        names: QueueNames,
        settler: Settler,
        watch: QueueWatch,
        *,
        lease: float,
    ) -> None:
        self._settler = settler
        self._watch = watch
        self._lease = lease
        self._pull = PullSubscription(connection, names.now)
        self._stack = ExitStack()
        watch.on_pause.add(self._pull.changed.set)
        self._stack.callback(watch.on_pause.discard, self._pull.changed.set)

    async def fetch(self, limit: int) -> Fetched[NatsDelivery]:
        """Wait for messages; none while the queue is paused."""
        await self._pull.wait(limit, lambda: self._watch.is_paused)
        if self._watch.is_paused:
            await self._withdraw()
            return Fetched()
        return Fetched(self._take())

    async def wait(self, seconds: float) -> None:
        """Wait for the end of a pause."""
        try:
            async with asyncio.timeout(seconds):
                while self._watch.is_paused:
                    self._pull.changed.clear()
                    await self._pull.changed.wait()
        except TimeoutError:
            pass

    async def give_back(self, deliveries: Sequence[NatsDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt."""
        await self._settler.give_back(deliveries)

    async def close(self) -> None:
        """Ask for nothing more, and give back what was not taken."""
        self._stack.close()
        await self._withdraw()

    async def _withdraw(self) -> None:
        await self._pull.close()
        unstarted = self._take()
        if unstarted:
            await self._settler.give_back(unstarted)

    def _take(self) -> list[NatsDelivery]:
        arrived = self._pull.arrived
        deliveries = [self._delivery(message, since) for message, since in arrived]
        arrived.clear()
        return deliveries

    def _delivery(self, message: Msg, since: float) -> NatsDelivery:
        delivered, number, fence = positions_of(message)
        record = Record.from_bytes(message.data)
        held = HeldMessage(record, message.reply, number=number, delivered=delivered)
        held.deadline = deadline_of(self._lease, since)
        return NatsDelivery(
            record.body,
            queue=self._settler,
            token=LeaseToken(held, fence),
            task_id=record.task_id,
            attempt=held.attempt,
            unsettled=held.unsettled,
            lease=self._lease,
            aborted=record.aborted or self._watch.is_aborted(record.task_id, number),
            unreadable=record.unreadable,
        )
