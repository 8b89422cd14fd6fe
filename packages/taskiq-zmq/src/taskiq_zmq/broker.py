"""ZeroMQBroker: tasks from clients straight to workers, with no server between them."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from itertools import islice
from typing import Any, Final, Self

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import DELAY
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots
from taskiq_zmq.addresses import Address, parse_address, resolve
from taskiq_zmq.backlogs import CopiedBacklog, QueuedTask, SharedBacklog
from taskiq_zmq.curve import CurveKeys
from taskiq_zmq.errors import (
    ClientOnlyError,
    MessageTooLargeError,
    NotAWorkerError,
    NotStartedError,
)
from taskiq_zmq.frames import MAX_DELAY
from taskiq_zmq.hub import Hub
from taskiq_zmq.ledger import Ledger
from taskiq_zmq.modes import CAPABILITIES, DeliveryMode
from taskiq_zmq.results import ZeroMQResultBackend
from taskiq_zmq.urls import read_url
from taskiq_zmq.wire import Heartbeats, WireOptions
from taskiq_zmq.worker import WorkerSide

logger = logging.getLogger(__name__)

LISTEN_PREFETCH: Final = 64
"""Messages that `listen` takes ahead, for callers who say nothing of their slots."""


class ZeroMQBroker(AsyncBroker):
    """The client holds the queue and binds a socket; workers connect and get what they can run.

    Each task goes to exactly one worker process, and to another one if that one dies before it has
    acknowledged the task. Tasks that are sent before a worker is there wait for one. Results come
    back over the same sockets. The queue lives in the client's memory: it is gone when the client
    is.

    Args:
        zmq_pub_host: what the client binds: `tcp://host:port`, port 0 for any, or `ipc:///path`.
        zmq_sub_host: what workers connect to; a list if there are several clients.
        result_backend: where results are kept; a `ZeroMQResultBackend` by default.
        task_id_generator: makes task ids.
        queue_size: tasks that may wait in the client; more make `kiq` wait.
        send_timeout: seconds that `kiq` waits for room, then it raises QueueFullError; in a worker,
            also for a client to be there.
        mode: who gets a task; client and workers must agree.
        linger: seconds that a client waits at shutdown for tasks that are not finished. What is not
            finished then is dropped, with a log line that says how many and which.
        curve: keys, for connections that leave the machine.
        heartbeats: after how much silence a connection is given up.
        max_message_size: bytes that one task or result may have.
        max_workers: worker processes that one client takes.
        max_dead_letters: messages that are kept after they were given up.

    Raises:
        AddressError: an address can't be understood.
        ValueError: an option is out of range.
    """

    private_to_process = (
        "the queue is in the memory of the program that sends the tasks, and no other process can "
        "see it. Ask there, where the broker is started: `await broker.stats()`, "
        "`dead_letters()`, `task.abort()`; or use a broker that stores its queue, such as "
        "taskiq-sqlite or taskiq-redis."
    )

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
        _check("queue_size", queue_size, least=1)
        _check("max_message_size", max_message_size, least=1)
        _check("max_workers", max_workers, least=1)
        _check("max_dead_letters", max_dead_letters, least=0)
        _check("send_timeout", send_timeout, least=0)
        _check("linger", linger, least=0)
        self.mode = DeliveryMode(mode)
        self.capabilities = CAPABILITIES[self.mode]
        self.queue_size = queue_size
        self.send_timeout = send_timeout
        self.linger = linger
        self.max_workers = max_workers
        self.max_dead_letters = max_dead_letters
        self._bind_to = self._parse(zmq_pub_host)
        hosts = [zmq_sub_host] if isinstance(zmq_sub_host, str) else list(zmq_sub_host)
        self._connect_to = [self._parse(host) for host in hosts]
        self._wire = WireOptions(
            heartbeats=heartbeats or Heartbeats(),
            curve=curve,
            max_message_size=max_message_size,
        )
        self._ledger: Ledger | None = None
        self._hub: Hub | None = None
        self._worker: WorkerSide | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A broker for `zmq+tcp://host:port` or `zmq+ipc:///path`.

        Clients bind that address and workers connect to it, unless it has `?bind=tcp://0.0.0.0:port`
        for the clients. `mode`, `queue_size`, `send_timeout`, `linger`, `max_workers` and
        `max_message_size` may be given in the same way.

        Raises:
            AddressError: the URL can't be understood.
        """
        bind, connect, found = read_url(url, broker=cls.__name__)
        return cls(bind, connect, **{**found, **options})

    @property
    def bound_address(self) -> str:
        """Where a client listens; useful with port 0. Empty while it does not."""
        return "" if self._hub is None else self._hub.bound_address

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Bind as a client, connect as a worker; then what every broker does.

        Raises:
            AddressInUseError: another client is bound to the address.
            AddressError: the address can't be bound or resolved.
        """
        if self._hub is not None or self._worker is not None:
            return
        backend = self._own_backend
        if self.is_worker_process:
            self._worker = await self._connect(backend)
        else:
            self._hub = await self._bind(backend)
        if backend is not None:
            backend.attach(self._worker)
        try:
            await super().startup()
        except BaseException:
            await self._close()
            raise

    async def shutdown(self) -> None:
        """Let what is under way finish, for `linger` seconds, and close; may be called twice."""
        try:
            await super().shutdown()
            if self._hub is not None:
                await self._hub.drain(self.linger)
        finally:
            await self._close()

    async def _bind(self, backend: ZeroMQResultBackend[Any] | None) -> Hub:
        if not self._bind_to.is_local and self._wire.curve is None:
            logger.warning(
                "%s can be reached from other machines, and anyone there can send tasks and take "
                "them: set ZeroMQBroker(curve=CurveKeys(...)), or bind tcp://127.0.0.1",
                self._bind_to,
            )
        broadcasts = self.mode is DeliveryMode.BROADCAST
        backlog = CopiedBacklog() if broadcasts else SharedBacklog()
        ledger = Ledger(backlog, max_dead_letters=self.max_dead_letters)
        hub = Hub(
            ledger=ledger,
            store=None if backend is None else backend.store,
            keeps_first=broadcasts,
            wire=self._wire,
            queue_size=self.queue_size,
            send_timeout=self.send_timeout,
            max_workers=self.max_workers,
        )
        address = await resolve(self._bind_to, broker=type(self).__name__)
        await hub.open(address, broker=type(self).__name__)
        self._ledger = ledger
        return hub

    async def _connect(self, backend: ZeroMQResultBackend[Any] | None) -> WorkerSide:
        name = type(self).__name__
        return WorkerSide(
            addresses=[await resolve(address, broker=name) for address in self._connect_to],
            store=None if backend is None else backend.store,
            wire=self._wire,
            send_timeout=self.send_timeout,
        )

    async def _close(self) -> None:
        hub, worker = self._hub, self._worker
        self._hub = self._worker = self._ledger = None
        try:
            if hub is not None:
                await hub.close()
            if worker is not None:
                await worker.close()
        finally:
            if self._own_backend is not None:
                self._own_backend.detach()

    @property
    def _own_backend(self) -> ZeroMQResultBackend[Any] | None:
        backend = self.result_backend
        return backend if isinstance(backend, ZeroMQResultBackend) else None

    def _parse(self, address: str) -> Address:
        return parse_address(address, broker=type(self).__name__)

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Put a message into the client's queue; in a worker, into that of the first client.

        Raises:
            NotStartedError: `startup` was not called.
            QueueFullError: there was no room for it in time.
            MessageTooLargeError: it is larger than `max_message_size`.
            NoHubError: in a worker, no client is there.
            HubLostError: in a worker, the client left; it may have the message.
        """
        self._check_size(message)
        delay = _delay_of(message) if message.labels else 0.0
        if self._hub is not None:
            task = QueuedTask(message.task_id, message.task_name, message.message)
            await self._hub.put(task, delay)
        elif self._worker is not None:
            await self._worker.submit(message, delay)
        else:
            raise NotStartedError(task_name=message.task_name)

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Put messages into the queue; those of a worker travel together.

        Raises:
            MessageTooLargeError: one of them is; none is stored then.
            SendTaskError: as for `kick`; some may be stored.
        """
        for message in messages:
            self._check_size(message)
        if self._worker is not None:
            await asyncio.gather(*map(self.kick, messages))
            return
        for message in messages:
            await self.kick(message)

    def _check_size(self, message: BrokerMessage) -> None:
        size, limit = len(message.message), self._wire.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)

    # -- receiving ----------------------------------------------------------------------------

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries; never more come than there are slots.

        Raises:
            NotAWorkerError: this is no worker process, or its broker is not started.
            AlreadyListeningError: somebody listens already.
        """
        if self._worker is None:
            raise NotAWorkerError
        return self._worker.deliveries(slots)

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries to a caller that says nothing of its slots; takes a few ahead."""
        slots = Slots(LISTEN_PREFETCH)
        async for delivery in self.deliveries(slots):
            slots.take()
            yield delivery
            slots.release()

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a message of this client as aborted, and say where it is.

        Raises:
            ClientOnlyError: this is a worker, or the broker is not started.
        """
        if self._hub is None:
            raise ClientOnlyError(action="abort tasks")
        return self._hub.abort(task_id)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks of this worker that are to be aborted.

        Raises:
            NotAWorkerError: this is no worker process, or its broker is not started.
        """
        if self._worker is None:
            raise NotAWorkerError
        return self._worker.aborts()

    # -- the queue ----------------------------------------------------------------------------

    async def stats(self) -> QueueStats:
        """How many messages wait, are delivered, delayed and dead."""
        ledger = self._queue("count its messages")
        return QueueStats(
            waiting=ledger.waiting,
            delivered=ledger.held,
            delayed=ledger.delayed,
            dead=len(ledger.dead),
        )

    async def workers(self) -> int:
        """How many workers are connected to this client."""
        return len(self._queue("count its workers").accounts)

    async def purge(self) -> int:
        """Drop the messages that wait or are delayed; how many there were."""
        return self._queue("purge the queue").purge()

    async def dead_letters(self, *, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """The messages that were given up, oldest first; the latest `max_dead_letters` are kept."""
        return list(islice(self._queue("list dead letters").dead, offset, offset + limit))

    async def replay_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Put dead letters into the queue again, as new messages; how many there were."""
        count = self._queue("replay dead letters").replay_dead(letter_ids)
        if self._hub is not None:
            self._hub.flush_soon()
        return count

    async def purge_dead_letters(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters; how many there were."""
        return self._queue("purge dead letters").purge_dead(letter_ids)

    def _queue(self, action: str) -> Ledger:
        if self._ledger is None:
            raise ClientOnlyError(action=action)
        return self._ledger


def _check(name: str, value: float, *, least: int) -> None:
    if not value >= least:  # also true for NaN
        raise ValueError(f"ZeroMQBroker: {name} must be at least {least}, not {value}")


def _delay_of(message: BrokerMessage) -> float:
    label = message.labels.get(DELAY)
    if label is None:
        return 0.0
    try:
        delay = float(label)
    except (TypeError, ValueError):
        delay = math.nan
    if not delay <= MAX_DELAY:  # also true for NaN
        reason = f"its label {DELAY!r} is {label!r}, which is no number of seconds"
        raise SendTaskError(task_name=message.task_name, reason=reason)
    return max(delay, 0.0)
