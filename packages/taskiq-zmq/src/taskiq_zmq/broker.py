"""ZeroMQBroker: tasks from clients straight to workers, without a server."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from itertools import islice
from typing import Any, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.url_options import read_url_options
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_zmq.client.hub import HubOptions
from taskiq_zmq.client.inspection import page_of
from taskiq_zmq.endpoint import Endpoint, WorkerFacts
from taskiq_zmq.errors import AddressError
from taskiq_zmq.options import (
    CAPABILITIES,
    LISTEN_PREFETCH,
    URL_OPTIONS,
    DeliveryMode,
    check_options,
)
from taskiq_zmq.results import ZeroMQResultBackend
from taskiq_zmq.transport.curve import CurveKeys
from taskiq_zmq.transport.wire import Heartbeats, WireOptions


class ZeroMQBroker(AsyncBroker):
    """The client holds the queue and binds a socket; workers connect and get what they can run.

    Each task goes to exactly one worker process, and to another one if that one dies before it has
    acknowledged the task. Tasks that are sent before a worker is connected wait for one. Results
    come back over the same sockets. The queue lives in the client's memory, and ends with it.

    Args:
        zmq_pub_host: what the client binds: `tcp://host:port`, port 0 for any, or `ipc:///path`.
        zmq_sub_host: what workers connect to; a list if there are several clients.
        result_backend: where results are kept; a `ZeroMQResultBackend` by default.
        task_id_generator: makes task ids.
        queue_size: tasks that may wait in the client; beyond that `kiq` waits.
        send_timeout: seconds that `kiq` waits while the queue is full, or in a worker while no
            client is connected.
        mode: which workers get a task; client and workers must agree.
        linger: seconds that a client waits at shutdown for unfinished tasks. It drops the rest, and
            logs their number and ids.
        curve: keys, for connections that leave the machine.
        heartbeats: how much silence ends a connection.
        max_message_size: bytes that one task or result may have.
        max_workers: worker processes that may connect to one client.
        max_dead_letters: dead letters that are kept; the oldest is dropped first.

    Raises:
        AddressError: an address can't be parsed.
        ValueError: an option is out of range.
    """

    private_to_process = (
        "the queue is in the memory of the program that sends the tasks, and no other process can "
        "see it. Ask there, where the broker is started: `await broker.stats()`, "
        "`dead_letters()`, `task.abort()`; or use a broker that stores its queue, such as "
        "taskiq-sqlite or taskiq-redis."
    )

    reclaims_itself = True  # a client gives back what a lost worker held, at once

    def __init__(
        self,
        zmq_pub_host: str = "tcp://0.0.0.0:5555",
        zmq_sub_host: str | Sequence[str] = "tcp://localhost:5555",
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        *,
        queue_size: int = 10_000,
        send_timeout: float = 30.0,
        mode: DeliveryMode | str = DeliveryMode.EXCLUSIVE,
        linger: float = 5.0,
        curve: CurveKeys | None = None,
        heartbeats: Heartbeats | None = None,
        max_message_size: int = 16 * 1024 * 1024,
        max_workers: int = 1_024,
        max_dead_letters: int = 1_000,
    ) -> None:
        super().__init__(
            result_backend=result_backend or ZeroMQResultBackend(),
            task_id_generator=task_id_generator,
        )
        options = HubOptions(
            mode=DeliveryMode(mode),
            queue_size=queue_size,
            send_timeout=send_timeout,
            max_workers=max_workers,
            max_dead_letters=max_dead_letters,
        )
        check_options(max_message_size=max_message_size, linger=linger)
        self.mode = options.mode
        self.queue_size = queue_size
        self.send_timeout = send_timeout
        self.linger = linger
        self.max_workers = max_workers
        self.max_dead_letters = max_dead_letters
        self.capabilities = CAPABILITIES[self.mode]
        self._endpoint = Endpoint(
            zmq_pub_host,
            [zmq_sub_host] if isinstance(zmq_sub_host, str) else zmq_sub_host,
            broker=type(self).__name__,
            wire=WireOptions(
                heartbeats=heartbeats or Heartbeats(),
                curve=curve,
                max_message_size=max_message_size,
            ),
            hub_options=options,
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a broker of `zmq+tcp://host:port` or `zmq+ipc:///path`.

        Clients bind that address and workers connect to it; `?bind=tcp://0.0.0.0:port` names
        another one for the clients. The query also takes `mode`, `queue_size`,
        `send_timeout`, `linger`, `max_workers` and `max_message_size`.

        Raises:
            AddressError: the URL can't be parsed.
        """
        try:
            address, found = read_url_options(url.removeprefix("zmq+"), URL_OPTIONS)
        except UrlOptionError as error:
            raise AddressError(broker=cls.__name__, address=url, reason=error.reason) from error
        return cls(found.pop("bind", address), address, **{**found, **options})

    @property
    def bound_address(self) -> str:
        """Where a client listens; useful with port 0. Empty while it is not started."""
        return self._endpoint.bound_address

    async def startup(self) -> None:
        """Bind as a client or connect as a worker, then start as every broker does.

        Raises:
            AddressInUseError: another client is bound to the address.
            AddressError: the address can't be bound or resolved.
            ValueError: a worker's queues are too many, or have names that no task can have.
        """
        if self._endpoint.is_open:
            return
        is_worker = self.is_worker_process
        await self._endpoint.open(
            self._own_backend,
            default_queue=self.queue_name,
            worker=WorkerFacts(self.worker_id, self.queues) if is_worker else None,
        )
        try:
            await super().startup()
        except BaseException:
            await self._endpoint.close(self._own_backend)
            raise

    async def shutdown(self) -> None:
        """Wait up to `linger` seconds for unfinished tasks, and close; may be called twice."""
        try:
            await super().shutdown()
            await self._endpoint.drain(self.linger)
        finally:
            await self._endpoint.close(self._own_backend)

    async def kick(self, message: BrokerMessage) -> None:
        """Put a message into the client's queue; in a worker, into that of the first client.

        Raises:
            NotStartedError: `startup` was not called.
            QueueFullError: the queue was full for `send_timeout` seconds.
            MessageTooLargeError: the message is larger than `max_message_size`.
            SendTaskError: the task's id or name is too long, or a label can't be read.
            NoHubError: in a worker, no client is connected.
            HubLostError: in a worker, the client was lost; it may have the message.
        """
        await self._endpoint.send(message)

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Put messages into the queue; in a worker, they travel to the client together.

        Raises:
            MessageTooLargeError: a message is too large; nothing was sent.
            SendTaskError: as for `kick`; some messages may have been sent.
        """
        await self._endpoint.send_many(messages)

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries, never more than there are slots.

        Raises:
            NotAWorkerError: this process is not a worker, or its broker is not started.
            AlreadyListeningError: this broker has a listener already.
        """
        return self._endpoint.worker.deliveries(slots)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries to a caller that has no slots; fetches a few ahead."""
        slots = Slots(LISTEN_PREFETCH)
        async for delivery in self.deliveries(slots):
            slots.take()
            yield delivery
            slots.release()

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a message of this client as aborted.

        Raises:
            ClientOnlyError: this is a worker, or the broker is not started.
        """
        return self._endpoint.hub("abort tasks").abort(task_id)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks of this worker that are to be aborted.

        Raises:
            NotAWorkerError: this process is not a worker, or its broker is not started.
        """
        return self._endpoint.worker.aborts()

    # -- the queues as operators see them: in the client --------------------------------------

    async def queue_names(self) -> Sequence[str]:
        """Return the queues of this client that have held a message, the default queue first."""
        return list(self._endpoint.queue("list its queues").names)

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count the messages of this client."""
        return self._endpoint.queue("count its messages").stats(queue or self.queue_name)

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
        """Return a page of the messages of this client.

        Raises:
            CapabilityError: in broadcast mode each worker has messages of its own.
        """
        if Capability.INSPECT not in (self.capabilities or ()):
            raise self._lacks("list its messages", Capability.INSPECT)
        return page_of(
            self._endpoint.queue("list its messages"),
            queue or self.queue_name,
            state,
            where=where,
            after=after,
            limit=limit,
            with_body=with_body,
            now=asyncio.get_running_loop().time(),
        )

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Deliver a delayed message of this client as soon as a worker is free.

        Raises:
            CapabilityError: in broadcast mode each worker has messages of its own.
        """
        if Capability.INSPECT not in (self.capabilities or ()):
            raise self._lacks("move a delayed message", Capability.INSPECT)
        hub = self._endpoint.hub("move a delayed message")
        return hub.move_to_now(task_id, queue or self.queue_name)

    async def worker_count(self) -> int:
        """Return the number of workers that are connected to this client."""
        return len(self._endpoint.queue("count its workers").consumers)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the records of the workers that are connected to this client."""
        return self._endpoint.hub("list its workers").workers.list()

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Keep the record of a worker in each client that it is connected to."""
        self._endpoint.announce(record, ttl)

    async def withdraw(self, worker_id: str) -> None:
        """Forget the record of a worker; that of one that is lost is forgotten at once."""
        self._endpoint.withdraw(worker_id)

    async def pause(self, *, queue: str | None = None) -> None:
        """Have a queue of this client hand out nothing, until `resume` or the client's end."""
        self._endpoint.hub("pause a queue").pause(queue or self.queue_name)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have a queue of this client hand out messages again."""
        self._endpoint.hub("resume a queue").resume(queue or self.queue_name)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether a queue of this client is paused."""
        paused = self._endpoint.queue("tell whether a queue is paused").paused
        return (queue or self.queue_name) in paused

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop waiting and delayed messages of a queue."""
        return self._endpoint.hub("purge a queue").purge(queue or self.queue_name)

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """List dead letters, oldest first; the latest `max_dead_letters` are kept."""
        letters = self._endpoint.queue("list dead letters").dead_letters(queue or self.queue_name)
        return list(islice(letters, offset, offset + limit))

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Put dead letters into their queue again, as new messages."""
        hub = self._endpoint.hub("replay dead letters")
        return hub.replay_dead(letter_ids, queue or self.queue_name)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Delete dead letters of a queue."""
        messages = self._endpoint.queue("purge dead letters")
        return messages.purge_dead(letter_ids, queue or self.queue_name)

    @property
    def _own_backend(self) -> ZeroMQResultBackend[Any] | None:
        backend = self.result_backend
        return backend if isinstance(backend, ZeroMQResultBackend) else None
