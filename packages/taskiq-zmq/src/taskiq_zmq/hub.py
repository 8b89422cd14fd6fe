"""The client's end: hands tasks out and takes results in."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Sequence
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_zmq import records
from taskiq_zmq.addresses import Address
from taskiq_zmq.backlogs import QueuedTask
from taskiq_zmq.errors import NotStartedError, QueueFullError
from taskiq_zmq.gate import Gate
from taskiq_zmq.ledger import Ledger
from taskiq_zmq.peers import Peer, Peers
from taskiq_zmq.quiet_log import QuietLog
from taskiq_zmq.reception import Reception
from taskiq_zmq.records import Record
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.switchboard import Switchboard
from taskiq_zmq.timers import Timers
from taskiq_zmq.wire import WireOptions

logger = logging.getLogger(__name__)

SENDS_BEFORE_YIELD: Final = 64
"""Tasks that a program may send before other callbacks of its event loop get a turn."""
NAMED_WHEN_DROPPED: Final = 20
"""Tasks that are named by id when they are dropped."""


class Hub:
    """Speaks for the ledger, to the program and to the workers.

    All that happens in one turn of the event loop leaves in one batch for each worker.

    Args:
        ledger: the messages.
        store: for results; None if they are kept elsewhere.
        keeps_first: whether the first result of a task counts, not the last.
        queue_size: how many messages may wait.
        send_timeout: seconds that a sender waits for room in the queue.
        max_workers: how many may be connected.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: ResultStore | None,
        keeps_first: bool,
        wire: WireOptions,
        queue_size: int,
        send_timeout: float,
        max_workers: int,
    ) -> None:
        self._session = os.urandom(16)
        self._ledger = ledger
        self._queue_size = queue_size
        self._send_timeout = send_timeout
        self._max_workers = max_workers
        self._loop = asyncio.get_running_loop()
        self._timers = Timers()
        self._quiet_log = QuietLog(logger)
        self._peers = Peers()
        self._switchboard = Switchboard(peers=self._peers, wire=wire, owner=self)
        self._gate = Gate(lambda: queue_size - ledger.waiting - ledger.delayed)
        self._reception = Reception(
            ledger=ledger,
            peers=self._peers,
            store=store,
            keeps_first=keeps_first,
            gate=self._gate,
            send_timeout=send_timeout,
            clock=self._loop.time,
            quiet_log=self._quiet_log,
            flush_soon=self.flush_soon,
        )
        self._flushing: asyncio.Handle | None = None
        self._sent_unflushed = 0
        self._idle: asyncio.Future[None] | None = None

    # -- life ---------------------------------------------------------------------------------

    @property
    def bound_address(self) -> str:
        """Where workers connect to."""
        return self._switchboard.bound_address

    async def open(self, address: Address, *, broker: str) -> None:
        """Bind, and let workers in.

        Raises:
            AddressError: the address can't be bound.
        """
        try:
            self._switchboard.open(address, broker=broker)
        except BaseException:
            await self._switchboard.close()
            raise

    async def drain(self, linger: float) -> None:
        """Wait until every task is done, for so many seconds; log what is dropped then."""
        if not self._ledger.is_idle:
            self._idle = self._loop.create_future()
            await asyncio.wait((self._idle,), timeout=linger)
            self._idle = None
        dropped = list(self._ledger.unfinished())
        if dropped:
            logger.warning("%s", _drop_report(dropped, linger))

    async def close(self) -> None:
        """Say goodbye, let the last batches leave and close; may be called twice."""
        await self._reception.close()
        self._gate.close()
        for peer in self._peers:
            peer.outbox.add(records.Goodbye())
            self._switchboard.send(peer)
        if self._flushing is not None:
            self._flushing.cancel()
        self._timers.cancel()
        await self._switchboard.close()

    # -- sending ------------------------------------------------------------------------------

    async def put(self, task: QueuedTask, delay: float) -> None:
        """Put a message into the queue.

        Raises:
            QueueFullError: there was no room for it in time.
            NotStartedError: the broker was stopped meanwhile.
        """
        if not self._gate.is_open:
            try:
                await self._gate.enter(self._send_timeout)
            except TimeoutError:
                raise QueueFullError(
                    task_name=task.task_name,
                    queue_size=self._queue_size,
                    workers=len(self._peers),
                    send_timeout=self._send_timeout,
                ) from None
            except ConnectionAbortedError:
                raise NotStartedError(task_name=task.task_name) from None
        self._ledger.put(task, self._loop.time() + delay if delay else None)
        self.flush_soon()
        self._sent_unflushed += 1
        if self._sent_unflushed >= SENDS_BEFORE_YIELD:
            await asyncio.sleep(0)

    def abort(self, task_id: str) -> AbortState:
        """Mark a message as aborted, and tell the workers that have it; where it was."""
        state, holders = self._ledger.abort(task_id)
        for account in holders:
            self._peers.of(account).outbox.add(records.Abort(task_id))
        self.flush_soon()
        return state

    def flush_soon(self) -> None:
        """Send what there is to send at the end of this turn of the event loop."""
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._sent_unflushed = 0
        now = self._loop.time()
        self._deliver(now)
        self._settle_credit()
        for peer in self._peers:
            self._switchboard.send(peer)
        self._gate.open()
        due = self._ledger.next_due
        if due is not None:
            self._timers.set("due", max(due - now, 0.001), self.flush_soon)
        if self._idle is not None and not self._idle.done() and self._ledger.is_idle:
            self._idle.set_result(None)

    def _deliver(self, now: float) -> None:
        for account, tag, task in self._ledger.dispatch(now):
            self._peers.of(account).outbox.add(
                records.Task(
                    tag, task.attempt, task.unsettled, task.aborted, task.task_id, task.body
                )
            )

    def _settle_credit(self) -> None:
        for peer in self._peers:
            if peer.is_recalled:
                peer.is_recalled = False
                peer.outbox.add(records.Recalled(self._ledger.recall(peer.account)))
        for account in self._ledger.starving():
            peer = self._peers.of(account)
            if not peer.wants:
                peer.wants = True
                peer.outbox.add(records.Want())

    # -- what the switchboard tells -----------------------------------------------------------

    def on_hello(self, identity: bytes, epoch: int, name: str) -> Peer | None:
        """A worker is there."""
        if len(self._peers) >= self._max_workers:
            self._quiet_log.warning("Refused a worker: %d are connected", len(self._peers))
            reason = f"the client takes {self._max_workers} workers: ZeroMQBroker(max_workers=...)"
            self._switchboard.refuse(identity, epoch, reason)
            return None
        peer = Peer(identity, epoch, self._ledger.join(name))
        self._peers.add(peer)
        peer.outbox.add(records.Welcome(self._session))
        logger.info("Worker %r is there, %d are connected", name, len(self._peers))
        return peer

    def on_record(self, peer: Peer, record: Record) -> None:
        """A worker says something."""
        self._reception.handle(peer, record)

    def on_lost(self, peer: Peer, reason: str) -> None:
        """A worker is gone: what it held goes to others."""
        if not self._peers.remove(peer):
            return
        lost = self._ledger.leave(peer.account)
        logger.log(
            logging.WARNING if reason or lost else logging.INFO,
            "Worker %r is gone (%s); tasks it had not settled: %d, workers left: %d",
            peer.account.name,
            reason or "it said goodbye",
            lost,
            len(self._peers),
        )
        self.flush_soon()


def _drop_report(dropped: Sequence[QueuedTask], linger: float) -> str:
    counts = Counter(task.task_name for task in dropped).most_common(NAMED_WHEN_DROPPED)
    names = ", ".join(f"{count} x {name}" for name, count in counts)
    ids = ", ".join(task.task_id for task in dropped[:NAMED_WHEN_DROPPED])
    more = ", ..." if len(dropped) > NAMED_WHEN_DROPPED else ""
    return (
        f"{len(dropped)} tasks are dropped, they were not finished {linger} s after the client was "
        f"told to stop: {names} (ids: {ids}{more})"
    )
