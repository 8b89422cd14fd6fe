"""ZeroMQWorker: the worker side, connected to one or several hubs."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final

import zmq

from taskiq_core.loggers import get_logger
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.slots import Slots
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_zmq.delivery import ZeroMQDelivery
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import MAX_ANNOUNCED, MAX_QUEUES, decode_batch, encode, encode_batch
from taskiq_zmq.protocol.records import Record
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.transport.wire import WireOptions
from taskiq_zmq.worker.inbox import Inbox
from taskiq_zmq.worker.link import Link
from taskiq_zmq.worker.result_client import ResultClient
from taskiq_zmq.worker.routes import Routes
from taskiq_zmq.worker.submissions import Submissions

logger = get_logger(__name__)

FAREWELL: Final = 1.0
"""Seconds that acknowledgements and results get to leave when the worker stops."""
_MAX_NAME: Final = 200


class ZeroMQWorker:
    """Owns a worker's connections, and passes records between them and its parts.

    Args:
        addresses: of the hubs, resolved.
        store: receives results that hubs push; None if results are kept elsewhere.
        wire: options of the sockets.
        send_timeout: seconds that a task of this worker waits for a hub to take it.
        worker_id: the owner of what is delivered here.
        queues: what this worker listens to.

    Raises:
        ValueError: there are too many queues, or one has a name that no task can name.
    """

    def __init__(
        self,
        *,
        addresses: Sequence[Address],
        store: ResultStore | None,
        wire: WireOptions,
        send_timeout: float,
        worker_id: str,
        queues: QueueSelection,
    ) -> None:
        self._hello = _hello(worker_id, queues)
        self._announcement: records.Announce | None = None
        self._loop = asyncio.get_running_loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._links: list[Link] = []
        self._routes = Routes()
        self._submissions = Submissions(addresses, send_timeout)
        self._inbox = Inbox(self._links, self._routes, self.flush_soon)
        self.results = ResultClient(
            self._links,
            self._routes,
            store=store,
            max_message_size=wire.max_message_size,
            flush_soon=self.flush_soon,
        )
        self._abort_listeners: set[asyncio.Queue[str]] = set()
        self._flushing: asyncio.Handle | None = None
        self._handlers: dict[type[Record], Callable[[Link, Any], None]] = {
            records.Task: self._inbox.on_task,
            records.Abort: self._on_abort,
            records.Want: self._inbox.on_want,
            records.Recalled: self._inbox.on_recalled,
            records.Result: self.results.on_result,
            records.Progress: self.results.on_progress,
            records.Pending: self.results.on_pending,
            records.Stored: self._on_stored,
            records.Refused: self._on_refused,
            records.Probe: lambda _link, _record: None,
        }
        self._connect(addresses, wire)

    def _connect(self, addresses: Sequence[Address], wire: WireOptions) -> None:
        try:
            for address in addresses:
                link = Link(
                    address=address,
                    hello=self._hello,
                    owner=self,
                    wire=wire,
                    context=self._context,
                )
                self._links.append(link)
        except BaseException:
            for link in self._links:
                link.close(0)
            self._context.term()
            raise

    async def close(self) -> None:
        """Send what is due, say goodbye, and close; may be called twice."""
        if self._flushing is not None:
            self._flushing.cancel()
        self._submissions.close()
        for link in self._links:
            link.close(FAREWELL)
        self._links.clear()
        await self._loop.run_in_executor(None, self._context.term)

    def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries as they come, never more than there are slots."""
        return self._inbox.deliveries(slots)

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks of this worker whose abort is requested."""
        news: asyncio.Queue[str] = asyncio.Queue()
        self._abort_listeners.add(news)
        try:
            for task_id in self._routes.aborted():
                yield task_id
            while True:
                yield await news.get()
        finally:
            self._abort_listeners.discard(news)

    async def submit(self, message: BrokerMessage, delay: float, queue: str) -> None:
        """Have a hub put a task of this worker into a queue.

        Args:
            message: the task.
            delay: seconds before it may be delivered.
            queue: the name of its queue.

        Raises:
            SendTaskError: no hub took it.
        """
        await self._submissions.submit(message, delay, queue, flush_soon=self.flush_soon)

    def announce(self, record: WorkerRecord, ttl: float) -> None:
        """Tell all hubs what this worker does, and each that it connects to later.

        Raises:
            ValueError: the record is too large.
        """
        body = record.model_dump_json().encode()
        if len(body) > MAX_ANNOUNCED:
            raise ValueError(
                f"the record of this worker has {len(body)} bytes, {MAX_ANNOUNCED} are allowed: "
                "it knows too many tasks"
            )
        self._announcement = records.Announce(ttl, body)
        self._tell_all(self._announcement)

    def withdraw(self) -> None:
        """Tell all hubs that this worker ends."""
        self._announcement = None
        self._tell_all(records.Withdraw())

    def _tell_all(self, record: Record) -> None:
        for link in self._links:
            if link.is_up:
                link.outbox.add(record)
        self.flush_soon()

    def flush_soon(self) -> None:
        """Send everything that is due at the end of this turn of the event loop."""
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._inbox.grant_credit()
        for link in self._links:
            link.flush()

    def on_up(self, link: Link) -> None:
        """Use a hub that accepted this worker."""
        if self._announcement is not None:
            link.outbox.add(self._announcement)
        self._inbox.on_up(link)
        self._submissions.on_up(link)
        self.results.on_up(link)
        self.flush_soon()

    def on_down(self, link: Link) -> None:
        """Forget everything that was expected of a lost hub."""
        self._inbox.on_down(link)
        self._submissions.on_down(link)
        self.results.on_down(link)
        self.flush_soon()

    def on_settled(self, delivery: ZeroMQDelivery) -> None:
        """Note that a delivery is settled; its result may still come."""
        self._routes.settled(delivery)

    def on_record(self, link: Link, record: Record) -> None:
        """Handle a record of a hub."""
        handler = self._handlers.get(type(record))
        if handler is None:
            logger.debug("Dropped a %s of the client at %s", type(record).__name__, link.address)
        else:
            handler(link, record)

    def _on_abort(self, link: Link, record: records.Abort) -> None:
        del link
        found = self._routes.find(record.task_id)
        if found is None:
            return
        found[1].aborted = True  # it may not have been started
        for news in self._abort_listeners:
            news.put_nowait(record.task_id)

    def _on_stored(self, link: Link, record: records.Stored) -> None:
        self._submissions.stored(link, record.request)

    def _on_refused(self, link: Link, record: records.Refused) -> None:
        self._submissions.refused(link, record.request, record.reason)


def _hello(worker_id: str, queues: QueueSelection) -> records.Hello:
    name = f"{socket.gethostname()[:_MAX_NAME]}:{os.getpid()}"
    hello = records.Hello(name, worker_id, queues.is_strict, tuple(queues.weights.items()))
    if len(hello.queues) > MAX_QUEUES:
        raise ValueError(f"a worker of a ZeroMQBroker listens to {MAX_QUEUES} queues at most")
    decode_batch(encode_batch(0, [encode(hello)]))  # as the hub will read it
    return hello
