"""ResultClient: sends results to hubs, and asks hubs for results."""

import logging
from collections.abc import Callable, Sequence

from taskiq_zmq.protocol import records
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.transport.rate_limited_log import shorten
from taskiq_zmq.worker.inquiries import Inquiries
from taskiq_zmq.worker.link import Link
from taskiq_zmq.worker.routes import Routes

logger = logging.getLogger(__name__)


class ResultClient:
    """The `ResultChannel` of a worker.

    Args:
        links: the connections to hubs.
        routes: where the results of deliveries go.
        store: receives results that hubs push; None if results are kept elsewhere.
        max_message_size: bytes that a result may have.
        flush_soon: sends records at the end of this turn.
    """

    def __init__(
        self,
        links: Sequence[Link],
        routes: Routes,
        *,
        store: ResultStore | None,
        max_message_size: int,
        flush_soon: Callable[[], None],
    ) -> None:
        self._links = links
        self._routes = routes
        self._store = store
        self._max_message_size = max_message_size
        self._flush_soon = flush_soon
        self._inquiries = Inquiries()

    def send_result(self, task_id: str, body: bytes) -> None:
        """Send a result to the hub that the task came from.

        Raises:
            ValueError: the result is too large.
        """
        if len(body) > self._max_message_size:
            raise ValueError(
                f"it has {len(body)} bytes, {self._max_message_size} are allowed: return a "
                "reference to the data, or raise ZeroMQBroker(max_message_size=...) on clients "
                "and workers"
            )
        found = self._routes.find(task_id)
        if found is None:
            logger.warning(
                "The result of task %s is dropped: the connection to its client is gone",
                shorten(task_id),
            )
            return
        link, delivery = found
        link.outbox.add(records.Result(delivery.tag, task_id, body))
        delivery.has_result = True
        self._flush_soon()

    def send_progress(self, task_id: str, body: bytes) -> None:
        """Send the progress of a task to the hub that it came from."""
        found = self._routes.find(task_id)
        if found is not None and len(body) <= self._max_message_size:
            link, delivery = found
            link.outbox.add(records.Progress(delivery.tag, task_id, body))
            self._flush_soon()

    def watch(self, task_id: str) -> None:
        """Ask all hubs to push the result of a task."""
        for link in self._links:
            if link.is_up:
                link.outbox.add(records.Watch(task_id))
        self._flush_soon()

    async def look_up(self, task_id: str) -> None:
        """Ask all hubs for the result of a task, and wait until they have answered."""
        links = [link for link in self._links if link.is_up]
        self.watch(task_id)
        await self._inquiries.wait(task_id, links)

    def on_up(self, link: Link) -> None:
        """Ask a new hub for the results that are waited for."""
        if self._store is not None:
            for task_id in self._store.awaited:
                link.outbox.add(records.Watch(task_id))

    def on_down(self, link: Link) -> None:
        """Stop waiting for the answers of a lost hub."""
        self._inquiries.on_down(link)

    def on_result(self, link: Link, record: records.Result) -> None:
        """Keep a result."""
        if self._store is not None:
            self._store.put(record.task_id, record.body)
        self._inquiries.answered(record.task_id, link)

    def on_progress(self, link: Link, record: records.Progress) -> None:
        """Keep the progress of a task."""
        del link
        if self._store is not None:
            self._store.put_progress(record.task_id, record.body)

    def on_pending(self, link: Link, record: records.Pending) -> None:
        """Note that a hub does not have a result yet."""
        self._inquiries.answered(record.task_id, link)
