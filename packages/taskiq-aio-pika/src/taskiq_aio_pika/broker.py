"""AioPikaBroker: a durable queue in RabbitMQ."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any, Self

from taskiq_aio_pika.declarations import Exchange, Queue
from taskiq_aio_pika.options import (
    ABORT_TIMEOUT,
    CAPABILITIES,
    CONFIRM_TIMEOUT,
    DEFAULT_QUEUE,
    DEFAULT_URL,
    LARGEST_MESSAGE,
    MAX_PREFETCH,
    read_url,
    require_positive,
)
from taskiq_aio_pika.queue import admin
from taskiq_aio_pika.queue.abort import ask_workers
from taskiq_aio_pika.queue.enqueue import NewMessage
from taskiq_aio_pika.queue.fetch import Subscription
from taskiq_aio_pika.queue.new_message import new_message
from taskiq_aio_pika.queue.rabbit_queue import QueueSettings, RabbitQueue
from taskiq_aio_pika.storage.server import parse_server, url_of_parts
from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError, MessageTooLargeError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.slots import Slots

logger = get_logger(__name__)


class AioPikaBroker(AsyncBroker):
    """Keeps tasks in quorum queues; nothing is lost when a worker, client or connection dies.

    A task is stored when `kiq` returns, and stays until a worker has ended it. It belongs to the
    connection that it was delivered by: when that ends, the server gives it to another worker.

    Args:
        url: `amqp://user:password@host:5672/vhost`, with several hosts if there are several nodes.
        result_backend: where results are kept; RabbitMQ keeps none.
        task_id_generator: makes task ids.
        qos: messages that a worker holds at most; as many as it has slots by default.
        loop: not used; there for programs written for taskiq-aio-pika 0.6, as are the next five.
        exchange: that tasks are published to, and the queues bound to; the default exchange if
            there is none.
        task_queues: the queues of tasks, the default one first; a worker listens to all of them
            unless it is given some.
        dead_letter_queue: the queue of dead letters; one beside each queue by default.
        delay_queue: not needed any more.
        delayed_message_exchange_plugin: not needed any more.
        delayed_message_exchange: not needed any more.
        label_for_routing: the label that chooses the queue, by its name or routing key.
        label_for_priority: tasks with this label are refused.
        queue_name: the default queue, where `task_queues` are not given.
        max_message_size: bytes that one task may have.
        confirm_timeout: seconds without an answer of the server after which a call is given up.
        abort_timeout: seconds to wait for the worker that runs a task to be aborted.
        ssl_context: for `amqps`.
        connection_options: `host`, `port`, `login`, `password`, `virtualhost` and `ssl`, where
            there is no URL.

    Raises:
        RabbitUrlError: the URL can't be understood.
        ValueError: an option is out of range.
        TypeError: an argument is unknown.
    """

    capabilities = CAPABILITIES
    reclaims_itself = True  # the server gives back what a lost connection held

    def __init__(
        self,
        url: str | None = None,
        result_backend: AsyncResultBackend[Any] | None = None,
        task_id_generator: Callable[[], str] | None = None,
        qos: int | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        exchange: Exchange | None = None,
        task_queues: Sequence[Queue] | None = None,
        dead_letter_queue: Queue | None = None,
        delay_queue: Queue | None = None,
        delayed_message_exchange_plugin: bool = False,  # 0.6's signature
        delayed_message_exchange: Exchange | None = None,
        label_for_routing: str = "queue_name",
        label_for_priority: str = "priority",
        *,
        queue_name: str = DEFAULT_QUEUE,
        max_message_size: int = 16 * 1024 * 1024,
        confirm_timeout: float = CONFIRM_TIMEOUT,
        abort_timeout: float = ABORT_TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
        **connection_options: Any,
    ) -> None:
        del loop
        require_positive(qos=qos, confirm_timeout=confirm_timeout, abort_timeout=abort_timeout)
        if not 0 < max_message_size <= LARGEST_MESSAGE:
            raise ValueError(f"AioPikaBroker: max_message_size is 1 to {LARGEST_MESSAGE} bytes")
        if url is None:
            url = url_of_parts(**connection_options) if connection_options else DEFAULT_URL
        elif connection_options:
            names = ", ".join(sorted(connection_options))
            raise TypeError(f"AioPikaBroker got a URL, and beside it {names}")
        self.server = parse_server(url, ssl_context)
        super().__init__(result_backend, task_id_generator)
        self.qos = qos
        self.max_message_size = max_message_size
        self.confirm_timeout = confirm_timeout
        self.abort_timeout = abort_timeout
        self._labels = {
            "label_for_routing": label_for_routing,
            "label_for_priority": label_for_priority,
        }
        self._exchange = exchange
        self._dead_letter_queue = dead_letter_queue
        self._task_queues: dict[str, Queue] = {}
        self.queue_name = queue_name
        self.with_queues(*(task_queues or ()))
        self._queues = PerLoop(lambda: RabbitQueue(self._settings()))
        if delay_queue or delayed_message_exchange_plugin or delayed_message_exchange:
            logger.warning(
                "AioPikaBroker: delays need neither delay_queue nor the plugin any more; "
                "remove the arguments"
            )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a broker for `amqp://user:password@host/vhost?queue_name=mails`.

        The URL may have `queue_name`, `qos`, `max_message_size`, `confirm_timeout`,
        `abort_timeout`, and those of the connection: `heartbeat`, `name`, and for `amqps` `cafile`,
        `capath`, `cadata`, `certfile`, `keyfile` and `no_verify_ssl`.

        Raises:
            RabbitUrlError: the URL can't be understood.
        """
        address, found = read_url(url)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, queue_name={self.queue_name!r})"

    # -- queues -------------------------------------------------------------------------------

    def with_queue(self, queue: Queue) -> Self:
        """Add a queue of tasks before `startup`, and return the broker."""
        return self.with_queues(queue)

    def with_queues(self, *queues: Queue) -> Self:
        """Add queues of tasks before `startup`, and return the broker."""
        for queue in queues:
            if not self._task_queues:
                self.queue_name = queue.name
            self._task_queues[queue.name] = queue
        if len(self._task_queues) > 1:
            self.capabilities = CAPABILITIES | {Capability.QUEUES}
        return self

    async def queue_names(self) -> Sequence[str]:
        """Return the queues that were declared, if there are several."""
        return tuple(self._task_queues) if len(self._task_queues) > 1 else ()

    def _settings(self) -> QueueSettings:
        dead = self._dead_letter_queue
        return QueueSettings(
            server=self.server,
            timeout=self.confirm_timeout,
            queues=self._known_queues(),
            default_queue=self.queue_name,
            exchange=self._exchange,
            dead_letter_queue=None if dead is None else dead.name,
            may_create=self.may_create,
        )

    def _known_queues(self) -> dict[str, Queue]:
        return self._task_queues or {self.queue_name: Queue(name=self.queue_name)}

    def _name_of(self, queue: str | None) -> str:
        """Return the name of a queue, the default one for None.

        Raises:
            CapabilityError: the broker has no such queue.
        """
        name = queue or self.queue_name
        if name not in self._known_queues():
            raise self._lacks(f"use queue {name!r}, which is not among its task_queues", "queues")
        return name

    @property
    def queue(self) -> RabbitQueue:
        """The queue as the running event loop sees it."""
        return self._queues.get()

    # -- life ---------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Connect, and create the queues where that is needed and allowed.

        Raises:
            RabbitUnreachableError: no node can be reached, or the user is refused.
            QueueMissingError: a queue is missing, and may not be created.
            RabbitRightsError: the user may not create a queue that is missing.
        """
        for name in self._known_queues():
            await self.queue.topology.ensure_queue(name)
        await super().startup()

    async def shutdown(self) -> None:
        """Wait for the calls under way, and disconnect; may be called twice."""
        try:
            await super().shutdown()
        finally:
            queue = self._queues.pop()
            if queue is not None:
                await queue.close()

    # -- sending ------------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message.

        Raises:
            SendTaskError: the message is too large, or a label has a value that it can't have.
            RabbitUnreachableError: the server can't be reached or takes no messages; if that was
                seen after the message was written, the server may have it.
        """
        await self.queue.enqueuer.send([self._checked(message)])

    async def kick_many(self, messages: Sequence[BrokerMessage]) -> None:
        """Store messages in one go; if it fails, some of them may be stored."""
        if messages:
            await self.queue.enqueuer.send([self._checked(message) for message in messages])

    def _checked(self, message: BrokerMessage) -> NewMessage:
        size, limit = len(message.message), self.max_message_size
        if size > limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=limit)
        return new_message(
            message,
            queues=self._known_queues(),
            default_queue=self.queue_name,
            **self._labels,
        )

    # -- receiving ----------------------------------------------------------------------------

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries one by one, for callers without slots."""
        slots = Slots(self.qos)
        async with aclosing(self.deliveries(slots)) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries of the worker's queues, as the server pushes them."""
        queue = self.queue
        await queue.control.open()
        subscription = Subscription(
            queue.connection,
            queue.topology,
            queue.settler,
            queue.held,
            slots=slots,
            weights=self._weights(),
            most=min(self.qos or MAX_PREFETCH, MAX_PREFETCH),
        )
        async with aclosing(subscription.deliveries()) as deliveries:
            async for delivery in deliveries:
                yield delivery

    def _weights(self) -> dict[str, int]:
        if self.queues is None:
            return dict.fromkeys(self._known_queues(), 1)
        return {self._name_of(name): weight for name, weight in self.queues.weights.items()}

    async def lost(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries whose channel has ended: the server gives them to other workers."""
        async with aclosing(self.queue.held.lost()) as lost:
            async for delivery in lost:
                yield delivery

    async def expire_queued(self) -> Sequence[Delivery]:
        """Take expired messages that the server has put aside, a hundred of each queue at most."""
        taken: list[Delivery] = []
        for name in self._weights():
            taken += await self.queue.expired.take(name)
        return taken

    # -- aborts -------------------------------------------------------------------------------

    async def request_abort(self, task_id: str) -> AbortState:
        """Have the worker that runs a task abort it.

        Raises:
            CapabilityError: no worker has it; whether it waits can't be known.
        """
        is_running = await ask_workers(
            self.queue.connection, self.queue_name, task_id, timeout=self.abort_timeout
        )
        if is_running:
            return AbortState.RUNNING
        raise CapabilityError(
            broker=type(self).__name__,
            action=f"abort task {task_id!r}, which no worker runs, while it waits",
            capability=Capability.ABORT_QUEUED,
        )

    def aborts(self) -> AsyncGenerator[str, None]:
        """Yield ids of tasks of this worker that are to be aborted."""
        return self.queue.held.aborts()

    # -- queues as operators see them ---------------------------------------------------------

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Count messages; the server does not tell how many are delivered."""
        found = self.queue
        return await admin.stats(found.connection, found.topology, self._name_of(queue))

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop waiting and delayed messages."""
        found = self.queue
        return await admin.purge(found.connection, found.topology, self._name_of(queue))

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return dead letters; all letters of the queue are read."""
        name = self._name_of(queue)
        return await self.queue.dead_letters.page(name, limit=limit, offset=offset)

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again; all letters of the queue are read."""
        return await self.queue.dead_letters.replay(self._name_of(queue), letter_ids)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters; all letters of the queue are read, unless all are forgotten."""
        return await self.queue.dead_letters.purge(self._name_of(queue), letter_ids)
