"""RecordHandler: applies a worker's records to a hub's queue, results and peers."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError

from taskiq_core.loggers import get_logger
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_zmq.client.gate import Gate
from taskiq_zmq.client.peers import Peer, Peers
from taskiq_zmq.client.queue import MessageQueue
from taskiq_zmq.client.queued_message import QueuedMessage
from taskiq_zmq.client.worker_records import WorkerRecords
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.records import Record
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.transport.rate_limited_log import RateLimitedLog, shorten

logger = get_logger(__name__)

MAX_WAITING: Final = 1_000
"""Tasks of workers that may wait while the queue is full."""


class RecordHandler:
    """Handles records; replies go to the peer's outbox.

    A worker is not trusted: it settles only deliveries that it holds and sends results only for
    those. Other records are dropped with a log line.

    Args:
        queue: the messages.
        peers: the workers.
        workers: what they say of themselves.
        default_queue: of tasks that name none.
        store: of results; None if they are kept elsewhere.
        keeps_first: whether the first result of a task counts, not the last.
        gate: of the queue.
        send_timeout: seconds that a worker's task waits while the queue is full.
        clock: monotonic, in seconds.
        limited_log: receives warnings about workers.
        flush_soon: sends replies at the end of this turn.
    """

    def __init__(
        self,
        *,
        queue: MessageQueue,
        peers: Peers,
        workers: WorkerRecords,
        default_queue: str,
        store: ResultStore | None,
        keeps_first: bool,
        gate: Gate,
        send_timeout: float,
        clock: Callable[[], float],
        limited_log: RateLimitedLog,
        flush_soon: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._peers = peers
        self._workers = workers
        self._default_queue = default_queue
        self._store = store
        self._keeps_first = keeps_first
        self._gate = gate
        self._send_timeout = send_timeout
        self._clock = clock
        self._limited_log = limited_log
        self._flush_soon = flush_soon
        self._submitting: set[asyncio.Task[None]] = set()
        self._handlers: dict[type[Record], Callable[[Peer, Any], None]] = {
            records.Grant: self._grant,
            records.Acks: self._ack,
            records.Release: self._release,
            records.Returns: self._return,
            records.Bury: self._bury,
            records.Submit: self._submit,
            records.Watch: self._watch,
            records.Recall: self._recall,
            records.Announce: self._announce,
            records.Withdraw: self._withdraw,
            records.Result: self._result,
            records.Progress: self._progress,
        }

    def handle(self, peer: Peer, record: Record) -> None:
        """Handle a record."""
        handler = self._handlers.get(type(record))
        if handler is None:
            self._limited_log.warning(
                "Dropped a %s from the worker %r: workers do not send it",
                type(record).__name__,
                peer.consumer.name,
            )
        else:
            handler(peer, record)

    async def close(self) -> None:
        """Refuse the tasks of workers that wait because the queue is full."""
        for task in self._submitting:
            task.cancel()
        await asyncio.gather(*self._submitting, return_exceptions=True)

    def _grant(self, peer: Peer, record: records.Grant) -> None:
        self._queue.grant(peer.consumer, record.granted)
        peer.wants = False

    def _recall(self, peer: Peer, record: records.Recall) -> None:
        # Not at once: messages that are due go first. Else hubs that compete for few slots would
        # lose their credit to each other before they could use it.
        del record
        peer.is_recalled = True

    def _ack(self, peer: Peer, record: records.Acks) -> None:
        for tag in record.tags:
            if not self._queue.ack(peer.consumer, tag):
                self._not_held(peer, "an acknowledgement")

    def _release(self, peer: Peer, record: records.Release) -> None:
        due = self._clock() + record.delay if record.delay else None
        if not self._queue.release(peer.consumer, record.tag, due):
            self._not_held(peer, "a release")

    def _return(self, peer: Peer, record: records.Returns) -> None:
        # Each is put before the waiting messages, so the last one first: they keep their order.
        for tag in reversed(record.tags):
            if not self._queue.give_back(peer.consumer, tag):
                self._not_held(peer, "a return")

    def _bury(self, peer: Peer, record: records.Bury) -> None:
        task = peer.consumer.held.get(record.tag)
        if task is None:
            self._not_held(peer, "a burial")
            return
        reason, _, error = record.text.partition("\n")
        self._queue.bury(peer.consumer, record.tag, reason, error or None)
        logger.warning(
            "Task %s (%s) is a dead letter now: %s",
            shorten(task.task_name),
            shorten(task.task_id),
            shorten(reason),
        )

    def _not_held(self, peer: Peer, what: str) -> None:
        self._limited_log.warning(
            "Dropped %s from the worker %r: it does not hold that delivery",
            what,
            peer.consumer.name,
        )

    def _result(self, peer: Peer, record: records.Result) -> None:
        tag, task_id, body = record
        if not self._queue.owns(peer.consumer, tag, task_id):
            self._not_held(peer, "a result")
            return
        self._queue.note_result(peer.consumer, tag)
        if self._store is None or (self._keeps_first and self._store.has(task_id)):
            return
        self._store.put(task_id, body)
        for watcher in self._peers.watchers(task_id):
            watcher.outbox.add(records.Result(0, task_id, body))
        self._peers.forget(task_id)

    def _progress(self, peer: Peer, record: records.Progress) -> None:
        tag, task_id, body = record
        if not self._queue.owns(peer.consumer, tag, task_id):
            self._not_held(peer, "the progress of a task")
            return
        if self._store is None:
            return
        self._store.put_progress(task_id, body)
        for watcher in self._peers.watchers(task_id):
            watcher.outbox.add(records.Progress(0, task_id, body))

    def _watch(self, peer: Peer, record: records.Watch) -> None:
        task_id = record.task_id
        if self._store is not None:
            progress = self._store.get_progress(task_id)
            if progress is not None:
                peer.outbox.add(records.Progress(0, task_id, progress))
            if self._store.has(task_id):
                peer.outbox.add(records.Result(0, task_id, self._store.get(task_id)))
                return
        if not self._peers.watch(peer, task_id):
            self._limited_log.warning(
                "The worker %r watches too many results: it will not get this one",
                peer.consumer.name,
            )
        peer.outbox.add(records.Pending(task_id))

    def _announce(self, peer: Peer, record: records.Announce) -> None:
        try:
            worker = WorkerRecord.model_validate_json(record.body)
        except ValidationError:
            self._limited_log.warning(
                "Dropped what the worker %r says of itself: it can't be read", peer.consumer.name
            )
        else:
            self._workers.announce(worker, record.ttl, peer=peer)

    def _withdraw(self, peer: Peer, record: records.Withdraw) -> None:
        del record
        self._workers.leave(peer)

    def _submit(self, peer: Peer, record: records.Submit) -> None:
        if self._gate.is_open:
            self._store_task(peer, record)
        elif self._gate.waiting < MAX_WAITING:
            waiting = asyncio.get_running_loop().create_task(self._submit_later(peer, record))
            self._submitting.add(waiting)
            waiting.add_done_callback(self._submitting.discard)
        else:
            peer.outbox.add(records.Refused(record.request, "the client's queue is full"))

    async def _submit_later(self, peer: Peer, record: records.Submit) -> None:
        try:
            await self._gate.enter(self._send_timeout)
        except TimeoutError:
            reason = f"the client's queue is full, and stayed so for {self._send_timeout} s"
            peer.outbox.add(records.Refused(record.request, reason))
        except asyncio.CancelledError:
            peer.outbox.add(records.Refused(record.request, "the client shuts down"))
        else:
            self._store_task(peer, record)
        self._flush_soon()

    def _store_task(self, peer: Peer, record: records.Submit) -> None:
        due = self._clock() + record.delay if record.delay else None
        queue = record.queue or self._default_queue
        self._queue.put(QueuedMessage(record.task_id, record.task_name, record.body, queue), due)
        if self._peers.get(peer.identity) is peer:
            self._peers.watch(peer, record.task_id)
        peer.outbox.add(records.Stored(record.request))
