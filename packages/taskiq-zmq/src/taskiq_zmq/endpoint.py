"""Endpoint: the side of the connections that this process is, a client or a worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_zmq.client.hub import Hub, HubOptions
from taskiq_zmq.client.message_check import MessageCheck
from taskiq_zmq.client.queue import MessageQueue
from taskiq_zmq.errors import ClientOnlyError, NotAWorkerError, NotStartedError
from taskiq_zmq.results import ZeroMQResultBackend
from taskiq_zmq.transport.addresses import parse_address, resolve
from taskiq_zmq.transport.wire import WireOptions
from taskiq_zmq.worker.worker import ZeroMQWorker


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says when it connects.

    Attributes:
        worker_id: the owner of what is delivered to it.
        queues: what it listens to; None for the default queue.
    """

    worker_id: str
    queues: QueueSelection | None


class Endpoint:
    """Opens and closes a `Hub` in a client, or a `ZeroMQWorker` in a worker process.

    Args:
        bind_to: address that a client binds.
        connect_to: addresses that a worker connects to.
        broker: name of the broker's class, for errors.
        wire: options of every socket.
        hub_options: options of the client side.

    Raises:
        AddressError: an address can't be parsed.
    """

    def __init__(
        self,
        bind_to: str,
        connect_to: Sequence[str],
        *,
        broker: str,
        wire: WireOptions,
        hub_options: HubOptions,
    ) -> None:
        self._bind_to = parse_address(bind_to, broker=broker)
        self._connect_to = [parse_address(address, broker=broker) for address in connect_to]
        self._broker = broker
        self._wire = wire
        self._hub_options = hub_options
        self._default_queue = ""
        self._check = MessageCheck(wire.max_message_size)
        self._hub: Hub | None = None
        self._worker: ZeroMQWorker | None = None

    @property
    def is_open(self) -> bool:
        """Whether this process is connected as a worker, or bound as a client."""
        return self._hub is not None or self._worker is not None

    @property
    def bound_address(self) -> str:
        """Where a client listens; empty while it is not open."""
        return "" if self._hub is None else self._hub.bound_address

    @property
    def worker(self) -> ZeroMQWorker:
        """The worker; raises NotAWorkerError in other processes."""
        if self._worker is None:
            raise NotAWorkerError
        return self._worker

    def hub(self, action: str) -> Hub:
        """Return the hub; raises ClientOnlyError, which names the action, in other processes."""
        if self._hub is None:
            raise ClientOnlyError(action=action)
        return self._hub

    def queue(self, action: str) -> MessageQueue:
        """Return the queue; raises ClientOnlyError, which names the action, in other processes."""
        return self.hub(action).queue

    async def open(
        self,
        backend: ZeroMQResultBackend[Any] | None,
        *,
        default_queue: str,
        worker: WorkerFacts | None,
    ) -> None:
        """Bind or connect, and attach the result backend if it is one of ours.

        Args:
            backend: keeps the results; None if another one does.
            default_queue: of messages and workers that name none.
            worker: what this worker is; None in a client.
        """
        store = None if backend is None else backend.store
        self._default_queue = default_queue
        if worker is not None:
            self._worker = ZeroMQWorker(
                addresses=[await resolve(each, broker=self._broker) for each in self._connect_to],
                store=store,
                wire=self._wire,
                send_timeout=self._hub_options.send_timeout,
                worker_id=worker.worker_id,
                queues=worker.queues or QueueSelection({default_queue: 1}),
            )
        else:
            address = await resolve(self._bind_to, broker=self._broker)
            hub = Hub(
                store=store,
                wire=self._wire,
                options=self._hub_options,
                default_queue=default_queue,
            )
            await hub.open(address, broker=self._broker)
            self._hub = hub
        if backend is not None:
            backend.attach(None if self._worker is None else self._worker.results)

    async def drain(self, linger: float) -> None:
        """In a client, wait up to `linger` seconds for unfinished tasks."""
        if self._hub is not None:
            await self._hub.drain(linger)

    async def close(self, backend: ZeroMQResultBackend[Any] | None) -> None:
        """Close the sockets, and detach the result backend; may be called twice."""
        hub, worker = self._hub, self._worker
        self._hub = self._worker = None
        try:
            if hub is not None:
                await hub.close()
            if worker is not None:
                await worker.close()
        finally:
            if backend is not None:
                backend.detach()

    async def send(self, message: BrokerMessage) -> None:
        """Put a message into the queue of this client, or of the first client of this worker."""
        self._check(message)
        labels = queue_labels(message)
        queue = labels.queue or self._default_queue
        if self._hub is not None:
            await self._hub.put(message, queue, labels.delay)
        elif self._worker is not None:
            await self._worker.submit(message, labels.delay, queue)
        else:
            raise NotStartedError(task_name=message.task_name)

    async def send_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Put messages into the queue; in a worker, they travel to the client together."""
        for message in messages:
            self._check(message)
        if self._worker is not None:
            await asyncio.gather(*map(self.send, messages))
            return
        for message in messages:
            await self.send(message)

    def announce(self, record: WorkerRecord, ttl: float) -> None:
        """Have the clients of this worker keep its record; in a client, keep it here."""
        if self._worker is not None:
            self._worker.announce(record, ttl)
        else:
            self.hub("keep the record of a worker").workers.announce(record, ttl)

    def withdraw(self, worker_id: str) -> None:
        """Have a record forgotten that `announce` had kept."""
        if self._worker is not None:
            self._worker.withdraw()
        else:
            self.hub("forget the record of a worker").workers.withdraw(worker_id)
