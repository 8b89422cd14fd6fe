"""The contract of brokers: what carries messages from clients to workers."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, ClassVar, Self, TypeAlias

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.queue_admin import QueueAdmin
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.abc.tick_claims import TickClaims
from taskiq_core.abc.worker_registry import HistoryStore, WorkerRegistry
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError, LeaseLostError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.acks import AckableMessage
from taskiq_core.messages.delivery import Delivery, as_delivery
from taskiq_core.messages.known_labels import KnownLabel
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.slots import Slots
from taskiq_core.state import TaskiqState

LeaseRenewer: TypeAlias = AbstractAsyncContextManager[
    Callable[[Sequence[Delivery]], Awaitable[object]]
]
"""Entered in any event loop of any thread; inside, a function renews leases in that loop."""


class AbstractBroker(QueueAdmin, WorkerRegistry, HistoryStore, ABC):
    """What middlewares, tasks and the worker may rely on; `AsyncBroker` is what plugins inherit.

    A broker is two methods, `kick` and `listen`. Everything else has a default that works, or that
    says which capability is missing. An implementation must keep:

    - `kick` returns when the message is stored; if it raises or is cancelled, it may or may not be.
    - A message that `listen` or `deliveries` yielded is delivered again if it is not settled. That
      includes a message whose acknowledgement was lost on its way to the store, although the
      worker believes that it was acknowledged.
    - A delivery that a worker holds can be settled, and its lease renewed, after the generator that
      yielded it was closed, until `shutdown`: a worker that ends closes the generator first, then
      lets its tasks end.
    - No method loses a message when it is cancelled.

    Attributes:
        private_to_process: for a broker whose queue is in the process that uses it: where the queue
            is and which process to ask, as commands can't. Empty for others.
        disregarded_labels: labels that the broker accepts although it lacks their capabilities, and
            that have no effect; for brokers that programs use in their tests, in place of another.
        capabilities: what the broker can do; None for a broker that does not declare it, as brokers
            written for taskiq 0.13 don't; core refuses nothing on its behalf.
            Final when `startup` has returned: what a server can do may depend on its version.
        priority_levels: how many priorities the broker distinguishes, from 0 on; None for any
            number, negative ones among them.
        reclaim_interval: seconds between two calls of `reclaim` by each worker.
        known_labels: labels that only this broker reads; a task that misspells one gets a warning.
        reclaims_itself: whether the server gives back what dead workers held, so that `reclaim` has
            nothing to do and answers 0.
        worker_id: the owner of what this object's deliveries hold; set by a worker before
            `startup`, empty elsewhere.
        queue_name: the default queue: of messages without the label `queue_name`, and of workers
            that are not given any. Its only one if the broker has not the capability QUEUES; the
            label is then refused if it names another.
        queues: what a worker listens to; None for the default queue. Set by a worker before
            `startup`, and only on brokers that declare the capability QUEUES before it.
        may_create: whether `startup` may create what the store lacks: a file, a stream, tables.
            Operators' commands set it to False before `startup`. A broker that finds its store
            missing then raises a `BrokerError` that says so, instead of showing an empty queue.
        max_deliveries: how many deliveries of a message may end without being settled before core
            buries it; set by a worker, for servers that count by themselves.
    """

    capabilities: frozenset[Capability] | None = None
    private_to_process: ClassVar[str] = ""
    disregarded_labels: ClassVar[Collection[str]] = ()
    priority_levels: ClassVar[int | None] = None
    reclaim_interval: float = 5.0
    known_labels: ClassVar[tuple[KnownLabel, ...]] = ()
    reclaims_itself: ClassVar[bool] = False
    worker_id: str = ""
    queue_name: str = "default"
    queues: QueueSelection | None = None
    may_create: bool = True
    max_deliveries: int | None = None

    result_backend: AsyncResultBackend[Any]
    serializer: TaskiqSerializer
    formatter: TaskiqFormatter
    id_generator: Callable[[], str]
    state: TaskiqState
    custom_dependency_context: dict[Any, Any]
    dependency_overrides: dict[Any, Any]
    is_worker_process: bool
    is_scheduler_process: bool

    @abstractmethod
    async def kick(self, message: BrokerMessage) -> None:
        """Store one message, to be delivered to a worker."""

    @abstractmethod
    def listen(self) -> AsyncGenerator[bytes | AckableMessage | Delivery, None]:
        """Yield messages as they come: bytes, `AckableMessage` or `Delivery`."""

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store several messages; brokers with the capability `batch` do so in one operation."""
        for message in messages:
            await self.kick(message)

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries to a worker.

        Args:
            slots: how many more deliveries the worker can hold. The next delivery is requested
                only when a slot is free, so a broker that fetches one by one may ignore it. A
                delivery has its slot until its task has ended, not until it is settled: a message
                may be acknowledged when it is received.
        """
        async with aclosing(self.listen()) as messages:
            async for message in messages:
                yield as_delivery(message)

    # -- leases: capability LEASE -------------------------------------------------------------

    async def renew_leases(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Extend the leases of deliveries that this broker made.

        A broker that can abort tasks also sets `Delivery.aborted` of the deliveries whose abort was
        asked for, as `Delivery.extend` does: the worker stops them.

        A worker calls it at a third of the shortest lease, with all deliveries that it holds;
        brokers that can extend many at once override it. If it raises, it is called again.

        Returns:
            The deliveries whose lease is lost.
        """
        lost: list[Delivery] = []
        for delivery in deliveries:
            try:
                await delivery.extend()
            except LeaseLostError:
                lost.append(delivery)
        return lost

    def lease_renewer(self) -> LeaseRenewer | None:
        """Return what renews leases from another thread while the worker's event loop is blocked.

        A worker enters it in a short-lived event loop of another thread, awaits the function that
        it gives with all deliveries that it holds, and leaves it. What it opens in that loop must
        be closed when it is left.

        Returns:
            None if this broker can't: leases run out while a task blocks the event loop.
        """
        return None

    async def reclaim(self, *, owner: str | None = None) -> int:
        """Deliver messages again whose lease ran out.

        Every worker calls it each `reclaim_interval` seconds, whether messages come or not. It must
        wake workers that wait for a message, in this process and in others.

        Args:
            owner: give back what this worker holds instead, whether its leases have run out or not:
                its process is known to be dead. Only passed to brokers with the capability
                PRESENCE. May be called twice, by several workers, and for a worker that held
                nothing.

        A dead worker's supervisor asks another of its workers for it. For workers that died with
        their supervisor the others do so that can see that the process is gone, on the same
        machine. That the record of a worker has ended is not enough: its event loop may be blocked,
        and its leases hold for longer. Then the messages wait for their leases.

        Returns:
            The number of messages given back.
        """
        return 0

    async def lost(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries that are not this worker's any more, although they had no lease.

        For brokers whose deliveries belong to a connection: when it ends, the server gives them to
        other workers. Core stops their tasks, and stores and settles nothing. It listens again when
        this ends or raises.
        """
        for delivery in list[Delivery]():
            yield delivery

    # -- expiry: capability EXPIRY -----------------------------------------------------------

    async def expire_queued(self) -> Sequence[Delivery]:
        """Take some messages whose `expires` label has run out, to be refused.

        Every worker calls it each `reclaim_interval` seconds, also while all of its slots are
        taken, so that the callers of such tasks get their result although no worker is free.
        `deliveries` yields expired messages as well.

        A delivery without a lease has no fence that grows, so the result of a message that another
        worker refuses as expired at the same time may be stored twice. It says the same both times.

        Returns:
            Deliveries with `expired` set, at most some hundred; none if no message has expired.
        """
        return ()

    # -- aborts: capabilities ABORT_RUNNING, ABORT_QUEUED -------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Mark a message as aborted.

        An abort that was answered as queued or running reaches the task, unless the task ends
        first. A queued message, delayed or not, is delivered soon with `Delivery.aborted` set, so
        that a worker stores the result that says so. A message counts as running from the moment at
        which it leaves the queue. Its worker may not have it yet, so it learns of it in two ways:

        - `aborts` yields the id. A worker that has no such task remembers it for a minute, and when
          it comes to a delivery of that id, renews its lease to find out whether it is the one.
        - Each renewal of a lease sets `Delivery.aborted`, so that a lost notice costs at most the
          time between two renewals, a third of the lease.

        A broker without leases has only the first: it must yield the id after the delivery, or
        shortly before it, and only to workers that get the delivery.

        ABORT_RUNNING and ABORT_QUEUED are declared each for itself. A broker with one of them never
        answers that a message is where it can't abort it, nor that it is unknown.

        The mark lasts until the message is acknowledged, buried or purged. What is sent later under
        the same id, a dead letter that is replayed among others, is not aborted by it.

        Returns:
            Where the message is: queued, running or unknown.

        Raises:
            CapabilityError: the message is, or may be, where this broker can't abort it. It names
                ABORT_QUEUED if no worker has the message, else ABORT_RUNNING.
        """
        raise self._lacks("abort tasks", Capability.ABORT_RUNNING)

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks whose abort is asked for while this broker's deliveries run.

        Workers listen to it on brokers with the capability ABORT_RUNNING.
        Others may come, too, and any may come twice or before its delivery: a worker asks the store
        before it aborts what comes later.
        When it is opened again, after a failure, the ids that are still marked come again.
        """
        raise self._lacks("abort running tasks", Capability.ABORT_RUNNING)

    # -- claims: capability CLAIMS ------------------------------------------------------------

    def tick_claims(self, *, lease: float = 60.0) -> TickClaims:
        """Return the claims of ticks in this broker's store, to be used while it is started.

        Schedulers ask for them on behalf of schedule sources that keep no claims themselves, such
        as the labels of tasks. Everything that was made here shares the claims of one store.

        Args:
            lease: seconds after which a claim that was not confirmed is free again.
        """
        raise self._lacks("claim ticks", Capability.CLAIMS)

    # -- transactions: capability TRANSACTION ---------------------------------------------------

    def in_transaction(self, connection: Any) -> AbstractAsyncContextManager[None]:
        """Send inside the caller's own database transaction.

        What `kick` is called with inside the block, in this task or in a task that was created in
        it, is stored by that transaction: rolled back, it was never sent; committed, it is sent
        once. `kick`, and so `kiq`, returns before the commit. The broker neither begins nor ends
        the transaction, and the block may end before or after it does.

        Args:
            connection: an open transaction's connection or session, of a library that the broker
                knows.
        """
        raise self._lacks("send inside a transaction", Capability.TRANSACTION)

    # -- what AsyncBroker implements ----------------------------------------------------------

    @abstractmethod
    async def abort(self, task_id: str) -> AbortState:
        """Ask for a task to be aborted, wherever it is.

        Returns:
            Where the task was found.
        """

    @abstractmethod
    def send(self, message: TaskiqMessage) -> Coroutine[Any, Any, None]:
        """Send a message through the middlewares, the formatter and `kick`."""

    @abstractmethod
    def find_task(self, task_name: str) -> RegisteredTask | None:
        """Return the task of that name, or None if this process does not have it."""

    @abstractmethod
    def adopt_task(self, task: RegisteredTask) -> None:
        """Register a task that was declared on another broker."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a broker for the server that a URL names.

        Raises:
            CapabilityError: the class can't be made from a URL.
        """
        raise CapabilityError(
            broker=cls.__name__, action="be made from a URL", capability="from_url"
        )
