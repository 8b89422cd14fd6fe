"""Hub: the client side, which hands out tasks and receives results."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.loggers import get_logger
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_zmq.client.dispatch import BroadcastDispatch, ExclusiveDispatch
from taskiq_zmq.client.gate import Gate
from taskiq_zmq.client.peers import Peer, Peers
from taskiq_zmq.client.queue import MessageQueue
from taskiq_zmq.client.queued_message import QueuedMessage
from taskiq_zmq.client.record_handler import RecordHandler
from taskiq_zmq.client.router import RouterSocket
from taskiq_zmq.client.timers import Timers
from taskiq_zmq.client.worker_records import WorkerRecords
from taskiq_zmq.errors import NotStartedError, QueueFullError
from taskiq_zmq.options import DeliveryMode, check_options
from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.records import Record
from taskiq_zmq.result_store import ResultStore
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.transport.rate_limited_log import RateLimitedLog
from taskiq_zmq.transport.wire import WireOptions

logger = get_logger(__name__)

SENDS_BEFORE_YIELD: Final = 64
"""Tasks that a program may send before other callbacks of its event loop get a turn."""
NAMED_WHEN_DROPPED: Final = 20
"""Dropped tasks whose ids are logged."""
LINES_OF_WORKERS: Final = 50
"""Log lines about workers that come, and about workers that go, per period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """Options of the client side; `ZeroMQBroker` documents them."""

    mode: DeliveryMode
    queue_size: int
    send_timeout: float
    max_workers: int
    max_dead_letters: int

    def __post_init__(self) -> None:
        check_options(
            queue_size=self.queue_size,
            send_timeout=self.send_timeout,
            max_workers=self.max_workers,
            max_dead_letters=self.max_dead_letters,
        )


class Hub:
    """Connects the queue with the program and the workers.

    All records of one turn of the event loop leave in one batch for each worker.

    Args:
        store: of results; None if results are kept elsewhere.
        wire: options of the socket.
        options: limits, and which workers get a task.
        default_queue: of messages and workers that name none.

    Attributes:
        queue: the messages.
        workers: what the workers say of themselves.
    """

    def __init__(
        self,
        *,
        store: ResultStore | None,
        wire: WireOptions,
        options: HubOptions,
        default_queue: str,
    ) -> None:
        broadcasts = options.mode is DeliveryMode.BROADCAST
        rule = BroadcastDispatch() if broadcasts else ExclusiveDispatch()
        queue = MessageQueue(
            rule, default_queue=default_queue, max_dead_letters=options.max_dead_letters
        )
        self.queue = queue
        self.workers = WorkerRecords()
        self._options = options
        self._is_open_to_all = wire.curve is None
        self._session = os.urandom(16)
        self._loop = asyncio.get_running_loop()
        self._timers = Timers()
        self._limited_log = RateLimitedLog(logger)
        self._peers = Peers()
        self._router = RouterSocket(peers=self._peers, wire=wire, owner=self)
        self._gate = Gate(lambda: options.queue_size - queue.waiting - queue.delayed)
        self._record_handler = RecordHandler(
            queue=queue,
            peers=self._peers,
            workers=self.workers,
            default_queue=default_queue,
            store=store,
            keeps_first=broadcasts,
            gate=self._gate,
            send_timeout=options.send_timeout,
            clock=self._loop.time,
            limited_log=self._limited_log,
            flush_soon=self.flush_soon,
        )
        self._flushing: asyncio.Handle | None = None
        self._sent_unflushed = 0
        self._idle: asyncio.Future[None] | None = None

    @property
    def bound_address(self) -> str:
        """Where workers connect to."""
        return self._router.bound_address

    async def open(self, address: Address, *, broker: str) -> None:
        """Bind, and accept workers.

        Raises:
            AddressError: the address can't be bound.
        """
        if self._is_open_to_all and not address.is_local:
            logger.warning(
                "%s can be reached from other machines, and every program there can send and take "
                "tasks: set ZeroMQBroker(curve=CurveKeys(...)), or bind tcp://127.0.0.1",
                address,
            )
        try:
            self._router.open(address, broker=broker)
        except BaseException:
            await self._router.close()
            raise

    async def drain(self, linger: float) -> None:
        """Wait up to `linger` seconds until every task is done; log the tasks that are dropped."""
        if not self.queue.is_idle:
            self._idle = self._loop.create_future()
            await asyncio.wait((self._idle,), timeout=linger)
            self._idle = None
        dropped = list(self.queue.unfinished())
        if dropped:
            logger.warning("%s", _drop_report(dropped, linger))

    async def close(self) -> None:
        """Say goodbye, let the last batches leave, and close; may be called twice."""
        await self._record_handler.close()
        self._gate.close()
        for peer in self._peers:
            peer.outbox.add(records.Goodbye())
            self._router.send(peer)
        if self._flushing is not None:
            self._flushing.cancel()
        self._timers.cancel()
        await self._router.close()

    async def put(self, message: BrokerMessage, queue: str, delay: float) -> None:
        """Put a message into a queue.

        Args:
            message: what to deliver.
            queue: the name of its queue.
            delay: seconds before it may be delivered.

        Raises:
            QueueFullError: the queue was full for `send_timeout` seconds.
            NotStartedError: the broker was stopped meanwhile.
        """
        if not self._gate.is_open:
            await self._enter(message.task_name)
        queued = QueuedMessage(message.task_id, message.task_name, message.message, queue)
        self.queue.put(queued, self._loop.time() + delay if delay else None)
        self.flush_soon()
        self._sent_unflushed += 1
        if self._sent_unflushed >= SENDS_BEFORE_YIELD:
            await asyncio.sleep(0)

    async def _enter(self, task_name: str) -> None:
        try:
            await self._gate.enter(self._options.send_timeout)
        except TimeoutError:
            raise QueueFullError(
                task_name=task_name,
                queue_size=self._options.queue_size,
                workers=len(self._peers),
                send_timeout=self._options.send_timeout,
            ) from None
        except ConnectionAbortedError:
            raise NotStartedError(task_name=task_name) from None

    def abort(self, task_id: str) -> AbortState:
        """Mark a message as aborted, and notify the workers that have it.

        Returns:
            Where the message was.
        """
        state, holders = self.queue.abort(task_id)
        for consumer in holders:
            self._peers.of(consumer).outbox.add(records.Abort(task_id))
        self.flush_soon()
        return state

    def replay_dead(self, letter_ids: Collection[str] | None, queue: str) -> int:
        """Put dead letters into their queue again, and return their number."""
        count = self.queue.replay_dead(letter_ids, queue)
        self.flush_soon()
        return count

    def move_to_now(self, task_id: str, queue: str) -> bool:
        """Deliver a delayed message now, and return whether there was one."""
        is_moved = self.queue.move_to_now(task_id, queue)
        self.flush_soon()
        return is_moved

    def pause(self, queue: str) -> None:
        """Deliver nothing of a queue until `resume`. Workers keep the messages that they have."""
        self.queue.paused.add(queue)

    def resume(self, queue: str) -> None:
        """Deliver messages of a queue again."""
        self.queue.paused.discard(queue)
        self.flush_soon()

    def purge(self, queue: str) -> int:
        """Drop the waiting and delayed messages of a queue, and return their number."""
        count = self.queue.purge(queue)
        self.flush_soon()  # senders may wait for a free place
        return count

    def flush_soon(self) -> None:
        """Send everything that is due at the end of this turn of the event loop."""
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._sent_unflushed = 0
        now = self._loop.time()
        for consumer, tag, message in self.queue.dispatch(now):
            self._peers.of(consumer).outbox.add(
                records.Task(
                    tag,
                    message.attempt,
                    message.unsettled,
                    message.aborted,
                    message.task_id,
                    message.body,
                )
            )
        self._settle_credit()
        for peer in self._peers:
            self._router.send(peer)
        self._gate.open()
        due = self.queue.next_due
        if due is not None:
            self._timers.set("due", max(due - now, 0.001), self.flush_soon)
        if self._idle is not None and not self._idle.done() and self.queue.is_idle:
            self._idle.set_result(None)

    def _settle_credit(self) -> None:
        for peer in self._peers:
            if peer.is_recalled:
                peer.is_recalled = False
                peer.outbox.add(records.Recalled(self.queue.recall(peer.consumer)))
        for consumer in self.queue.starving():
            peer = self._peers.of(consumer)
            if not peer.wants:
                peer.wants = True
                peer.outbox.add(records.Want())

    def on_hello(
        self, identity: bytes, source: int, epoch: int, hello: records.Hello
    ) -> Peer | None:
        """Accept a worker, unless there are `max_workers`; see `RouterOwner`."""
        most = self._options.max_workers
        if len(self._peers) >= most:
            self._limited_log.warning("Refused a worker: %d are connected", most)
            reason = f"the client takes {most} workers: ZeroMQBroker(max_workers=...)"
            self._router.refuse(identity, epoch, reason)
            return None
        selection = QueueSelection(dict(hello.queues), hello.is_strict) if hello.queues else None
        consumer = self.queue.join(hello.name, worker_id=hello.worker_id, queues=selection)
        peer = Peer(identity, source, epoch, consumer)
        self._peers.add(peer)
        peer.outbox.add(records.Welcome(self._session))
        self._limited_log.log(
            logging.INFO,
            "Worker %r is connected; workers: %d",
            hello.name,
            len(self._peers),
            burst=LINES_OF_WORKERS,
        )
        return peer

    def on_record(self, peer: Peer, record: Record) -> None:
        """Pass a worker's record on."""
        self._record_handler.handle(peer, record)

    def on_lost(self, peer: Peer, reason: str) -> None:
        """Give the deliveries of a lost worker to others."""
        if not self._peers.remove(peer):
            return
        self.workers.leave(peer)
        lost = self.queue.leave(peer.consumer)
        self._limited_log.log(
            logging.WARNING if reason or lost else logging.INFO,
            "Worker %r is gone (%s); tasks it had not settled: %d, workers left: %d",
            peer.consumer.name,
            reason or "it said goodbye",
            lost,
            len(self._peers),
            burst=LINES_OF_WORKERS,
        )
        self.flush_soon()


def _drop_report(dropped: Sequence[QueuedMessage], linger: float) -> str:
    counts = Counter(task.task_name for task in dropped).most_common(NAMED_WHEN_DROPPED)
    names = ", ".join(f"{count} x {name}" for name, count in counts)
    ids = ", ".join(task.task_id for task in dropped[:NAMED_WHEN_DROPPED])
    more = ", ..." if len(dropped) > NAMED_WHEN_DROPPED else ""
    return (
        f"{len(dropped)} tasks are dropped, as they were not finished {linger} s after their "
        f"client began to shut down: {names} (ids: {ids}{more})"
    )
