"""What a record from a worker does to a hub's ledger, results and peers."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from taskiq_zmq import records
from taskiq_zmq.backlogs import QueuedTask
from taskiq_zmq.gate import Gate
from taskiq_zmq.ledger import Ledger
from taskiq_zmq.peers import Peer, Peers
from taskiq_zmq.quiet_log import QuietLog
from taskiq_zmq.records import Record
from taskiq_zmq.result_store import ResultStore

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
"""Tasks of workers that may wait for room in a full queue."""


class Reception:
    """Answers records; answers go to the peer's outbox.

    Nothing that a worker says is believed: it settles only deliveries that it holds, gives results
    only for those, and what does not fit is dropped with a log line.

    Args:
        store: for results; None if they are kept elsewhere.
        keeps_first: whether the first result of a task counts, not the last.
        gate: to the queue.
        send_timeout: seconds that a worker's task waits for room in the queue.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        peers: Peers,
        store: ResultStore | None,
        keeps_first: bool,
        gate: Gate,
        send_timeout: float,
        clock: Callable[[], float],
        quiet_log: QuietLog,
        flush_soon: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._peers = peers
        self._store = store
        self._keeps_first = keeps_first
        self._gate = gate
        self._send_timeout = send_timeout
        self._clock = clock
        self._quiet_log = quiet_log
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
            records.Result: self._result,
            records.Progress: self._progress,
        }

    def handle(self, peer: Peer, record: Record) -> None:
        """Do what a record says."""
        handler = self._handlers.get(type(record))
        if handler is None:
            self._quiet_log.warning(
                "Dropped a %s from the worker %r: workers do not say that",
                type(record).__name__,
                peer.account.name,
            )
        else:
            handler(peer, record)

    async def close(self) -> None:
        """Refuse the tasks of workers that still wait for room."""
        for task in self._submitting:
            task.cancel()
        await asyncio.gather(*self._submitting, return_exceptions=True)

    # -- credit and settling ------------------------------------------------------------------

    def _grant(self, peer: Peer, record: records.Grant) -> None:
        self._ledger.grant(peer.account, record.granted)
        peer.wants = False

    def _recall(self, peer: Peer, record: records.Recall) -> None:
        # Not at once: what there is to send goes first. Else hubs that compete for few slots would
        # lose their credit to each other before they could use it.
        del record
        peer.is_recalled = True

    def _ack(self, peer: Peer, record: records.Acks) -> None:
        for tag in record.tags:
            if not self._ledger.ack(peer.account, tag):
                self._not_held(peer, "an acknowledgement")

    def _release(self, peer: Peer, record: records.Release) -> None:
        due = self._clock() + record.delay if record.delay else None
        if not self._ledger.release(peer.account, record.tag, due):
            self._not_held(peer, "a release")

    def _return(self, peer: Peer, record: records.Returns) -> None:
        # Each goes before what waits, so the last one first: they keep their order.
        for tag in reversed(record.tags):
            if not self._ledger.give_back(peer.account, tag):
                self._not_held(peer, "a return")

    def _bury(self, peer: Peer, record: records.Bury) -> None:
        task = peer.account.held.get(record.tag)
        if task is None:
            self._not_held(peer, "a burial")
            return
        reason, _, error = record.text.partition("\n")
        self._ledger.bury(peer.account, record.tag, reason, error or None)
        logger.warning("%s (%s) is a dead letter now: %s", task.task_name, task.task_id, reason)

    def _not_held(self, peer: Peer, what: str) -> None:
        self._quiet_log.warning(
            "Dropped %s from the worker %r: it does not hold that delivery", what, peer.account.name
        )

    # -- results ------------------------------------------------------------------------------

    def _result(self, peer: Peer, record: records.Result) -> None:
        tag, task_id, body = record
        if not self._ledger.owns(peer.account, tag, task_id):
            self._not_held(peer, "a result")
            return
        self._ledger.note_result(peer.account, tag)
        if self._store is None or (self._keeps_first and self._store.has(task_id)):
            return
        self._store.put(task_id, body)
        for watcher in self._peers.watchers(task_id):
            watcher.outbox.add(records.Result(0, task_id, body))
        self._peers.forget(task_id)

    def _progress(self, peer: Peer, record: records.Progress) -> None:
        tag, task_id, body = record
        if not self._ledger.owns(peer.account, tag, task_id):
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
            self._quiet_log.warning("The worker %r waits for too many results", peer.account.name)
        peer.outbox.add(records.Pending(task_id))

    # -- tasks of workers ---------------------------------------------------------------------

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
            reason = f"the client's queue is full, none was taken in {self._send_timeout} s"
            peer.outbox.add(records.Refused(record.request, reason))
        except asyncio.CancelledError:
            peer.outbox.add(records.Refused(record.request, "the client stops"))
        else:
            self._store_task(peer, record)
        self._flush_soon()

    def _store_task(self, peer: Peer, record: records.Submit) -> None:
        due = self._clock() + record.delay if record.delay else None
        self._ledger.put(QueuedTask(record.task_id, record.task_name, record.body), due)
        if self._peers.get(peer.identity) is peer:
            self._peers.watch(peer, record.task_id)
        peer.outbox.add(records.Stored(record.request))
