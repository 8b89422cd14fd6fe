"""The worker's end: connects to hubs, takes deliveries and sends back what became of them."""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final

import zmq

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.slots import Slots
from taskiq_zmq import records
from taskiq_zmq.addresses import Address
from taskiq_zmq.credit import CreditPool
from taskiq_zmq.deliveries import ZeroMQDelivery
from taskiq_zmq.errors import AlreadyListeningError
from taskiq_zmq.inquiries import Inquiries
from taskiq_zmq.link import Link
from taskiq_zmq.records import Record
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.routes import Routes
from taskiq_zmq.submissions import Submissions
from taskiq_zmq.wire import WireOptions

logger = logging.getLogger(__name__)

FAREWELL: Final = 1.0
"""Seconds that acknowledgements and results get to leave, when the worker stops."""


class WorkerSide:
    """Owns a worker's links, and shares its slots among them.

    Args:
        addresses: of the hubs, resolved.
        store: where results that hubs push are put; None if results are kept elsewhere.
        send_timeout: seconds that a task of this worker waits for a hub to take it.
    """

    def __init__(
        self,
        *,
        addresses: Sequence[Address],
        store: ResultStore | None,
        wire: WireOptions,
        send_timeout: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_message_size = wire.max_message_size
        self._store = store
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._routes = Routes()
        self._submissions = Submissions(addresses, send_timeout)
        self._inquiries = Inquiries()
        self._pool: CreditPool[Link] | None = None
        self._inbox: deque[tuple[Link, ZeroMQDelivery]] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._abort_listeners: set[asyncio.Queue[str]] = set()
        self._flushing: asyncio.Handle | None = None
        self._handlers: dict[type[Record], Callable[[Link, Any], None]] = {
            records.Task: self._on_task,
            records.Abort: self._on_abort,
            records.Want: self._on_want,
            records.Recalled: self._on_recalled,
            records.Result: self._on_result,
            records.Progress: self._on_progress,
            records.Pending: self._on_pending,
            records.Stored: self._on_stored,
            records.Refused: self._on_refused,
            records.Probe: lambda _link, _record: None,
        }
        name = f"{socket.gethostname()}:{os.getpid()}"
        self._links: list[Link] = []
        try:
            for address in addresses:
                link = Link(
                    address=address, name=name, owner=self, wire=wire, context=self._context
                )
                self._links.append(link)
        except BaseException:
            for link in self._links:
                link.close(0)
            self._context.term()
            raise

    async def close(self) -> None:
        """Send what is to be sent, say goodbye and close; may be called twice."""
        if self._flushing is not None:
            self._flushing.cancel()
        self._submissions.close()
        links, self._links = self._links, []
        for link in links:
            link.close(FAREWELL)
        await self._loop.run_in_executor(None, self._context.term)

    # -- taking deliveries --------------------------------------------------------------------

    async def deliveries(self, slots: Slots) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries as they come; grants the hubs as many as there are slots.

        What came and was not yielded when the iteration ends is given back to its hub.

        Raises:
            AlreadyListeningError: somebody listens already.
        """
        if self._pool is not None:
            raise AlreadyListeningError
        self._pool = CreditPool(slots)
        for link in self._links:
            if link.is_up:
                self._pool.join(link)
        slots.on_freed = self.flush_soon
        self.flush_soon()
        try:
            while True:
                while self._inbox:
                    yield self._inbox.popleft()[1]
                self._arrival = self._loop.create_future()
                await self._arrival
        finally:
            slots.on_freed = None
            self._pool = None
            self._arrival = None
            self._give_back()

    def _give_back(self) -> None:
        for link in self._links:
            if link.is_up:
                link.outbox.add(records.Recall())
        inbox, self._inbox = self._inbox, deque()
        for link, delivery in inbox:
            self._return(link, delivery.tag)
            self._routes.remove(delivery)
        self.flush_soon()

    def _return(self, link: Link, tag: int) -> None:
        link.outbox.add(records.Returns((tag,)))
        self.flush_soon()

    async def aborts(self) -> AsyncGenerator[str, None]:
        """Yield the ids of tasks whose abort is asked for while they are here."""
        news: asyncio.Queue[str] = asyncio.Queue()
        self._abort_listeners.add(news)
        try:
            for task_id in self._routes.aborted():
                yield task_id
            while True:
                yield await news.get()
        finally:
            self._abort_listeners.discard(news)

    # -- sending ------------------------------------------------------------------------------

    def flush_soon(self) -> None:
        """Send what there is to send at the end of this turn of the event loop."""
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        if self._pool is not None:
            for link, granted in self._pool.grow():
                link.outbox.add(records.Grant(granted))
            for link in self._pool.recall():
                link.outbox.add(records.Recall())
        for link in self._links:
            link.flush()

    async def submit(self, message: BrokerMessage, delay: float) -> None:
        """Have a hub put a task of this worker into its queue.

        Raises:
            SendTaskError: no hub took it.
        """
        await self._submissions.submit(message, delay, flush_soon=self.flush_soon)

    def send_result(self, task_id: str, body: bytes) -> None:
        """Send a result to the hub that the task came from.

        Raises:
            ValueError: it is too large.
        """
        if len(body) > self._max_message_size:
            raise ValueError(
                f"it has {len(body)} bytes, {self._max_message_size} are allowed: return a "
                "reference to the data, or raise ZeroMQBroker(max_message_size=...) on clients "
                "and workers"
            )
        found = self._routes.find(task_id)
        if found is None:
            logger.warning("The result of task %s is dropped: its client is gone", task_id)
            return
        link, delivery = found
        link.outbox.add(records.Result(delivery.tag, task_id, body))
        delivery.has_result = True
        self.flush_soon()

    def send_progress(self, task_id: str, body: bytes) -> None:
        """Send the progress of a task to the hub that it came from."""
        found = self._routes.find(task_id)
        if found is not None and len(body) <= self._max_message_size:
            link, delivery = found
            link.outbox.add(records.Progress(delivery.tag, task_id, body))
            self.flush_soon()

    def watch(self, task_id: str) -> None:
        """Have hubs push the result of a task."""
        for link in self._links:
            if link.is_up:
                link.outbox.add(records.Watch(task_id))
        self.flush_soon()

    async def look_up(self, task_id: str) -> None:
        """Ask the hubs for the result of a task, and wait until all have answered."""
        links = [link for link in self._links if link.is_up]
        self.watch(task_id)
        await self._inquiries.wait(task_id, links)

    # -- what links tell ----------------------------------------------------------------------

    def on_up(self, link: Link) -> None:
        """A hub knows us: give it credit, ask it for what is waited for."""
        if self._pool is not None:
            self._pool.join(link)
        self._submissions.on_up(link)
        if self._store is not None:
            for task_id in self._store.awaited:
                link.outbox.add(records.Watch(task_id))
        self.flush_soon()

    def on_down(self, link: Link) -> None:
        """A hub is gone; what it sent is somebody else's, or nobody's."""
        stale = [delivery for origin, delivery in self._inbox if origin is link]
        self._inbox = deque(entry for entry in self._inbox if entry[0] is not link)
        for delivery in stale:
            self._routes.remove(delivery)
        if self._pool is not None:
            self._pool.leave(link, unused=len(stale))
        self._submissions.on_down(link)
        self._inquiries.on_down(link)
        self.flush_soon()

    def on_settled(self, delivery: ZeroMQDelivery) -> None:
        """A delivery is settled; its result may still come."""
        self._routes.settled(delivery)

    def on_record(self, link: Link, record: Record) -> None:
        """A hub says something."""
        handler = self._handlers.get(type(record))
        if handler is None:
            logger.debug("The client at %s said %s", link.address, type(record).__name__)
        else:
            handler(link, record)

    def _on_task(self, link: Link, task: records.Task) -> None:
        if self._pool is None or not self._pool.receive(link):
            self._return(link, task.tag)
            return
        delivery = ZeroMQDelivery(task, link, link.epoch)
        self._routes.add(link, delivery)
        self._inbox.append((link, delivery))
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _on_abort(self, link: Link, record: records.Abort) -> None:
        del link
        found = self._routes.find(record.task_id)
        if found is None:
            return
        found[1].aborted = True  # it may not have been begun
        for news in self._abort_listeners:
            news.put_nowait(record.task_id)

    def _on_want(self, link: Link, record: records.Want) -> None:
        del record
        if self._pool is not None:
            self._pool.want(link)
            self.flush_soon()

    def _on_recalled(self, link: Link, record: records.Recalled) -> None:
        del record
        if self._pool is not None:
            self._pool.recalled(link)
            self.flush_soon()

    def _on_result(self, link: Link, record: records.Result) -> None:
        if self._store is not None:
            self._store.put(record.task_id, record.body)
        self._inquiries.answered(record.task_id, link)

    def _on_progress(self, link: Link, record: records.Progress) -> None:
        del link
        if self._store is not None:
            self._store.put_progress(record.task_id, record.body)

    def _on_pending(self, link: Link, record: records.Pending) -> None:
        self._inquiries.answered(record.task_id, link)

    def _on_stored(self, link: Link, record: records.Stored) -> None:
        self._submissions.stored(link, record.request)

    def _on_refused(self, link: Link, record: records.Refused) -> None:
        self._submissions.refused(link, record.request, record.reason)
