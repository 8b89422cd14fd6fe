"""Dispatch rules: a message goes to one worker, or to all of them."""

import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_zmq.client.backlog import WaitingMessages
from taskiq_zmq.client.queued_message import QueuedMessage


class Consumer:
    """One worker: its credit, its queues, and the deliveries that it holds.

    Attributes:
        name: for the log.
        worker_id: the owner of its deliveries; empty for a worker without one.
        queues: the names of the queues that it listens to.
        order: the order in which they are looked at.
        granted: deliveries that the worker has had slots for, in total; only a recall lowers it.
        sent: deliveries that were sent to it, in total.
        held: its unsettled deliveries, by tag, in the order in which they were sent.
    """

    __slots__ = ("granted", "held", "name", "order", "queues", "sent", "worker_id")

    def __init__(self, name: str, *, worker_id: str, queues: QueueSelection) -> None:
        self.name = name
        self.worker_id = worker_id
        self.queues = frozenset(queues.weights)
        self.order = QueueOrder(queues)
        self.granted = 0
        self.sent = 0
        self.held: dict[int, QueuedMessage] = {}

    @property
    def has_credit(self) -> bool:
        """Whether the worker may get one more delivery."""
        return self.sent < self.granted


class Dispatch(Protocol):
    """The waiting messages, and the rule by which workers get them."""

    def join(self, consumer: Consumer) -> None:
        """Add a worker."""

    def leave(self, consumer: Consumer) -> None:
        """Remove a worker; it still has its unsettled deliveries in `held`."""

    def put(self, task: QueuedMessage) -> None:
        """Add a new message, or one whose delay is over."""

    def put_back(self, consumer: Consumer, task: QueuedMessage, *, first: bool) -> None:
        """Add a message that a worker returned.

        Args:
            consumer: the worker.
            task: its message.
            first: whether it comes before the waiting messages; else it comes after them.
        """

    def assign(self, paused: Collection[str]) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Iterate over pairs of a worker with credit and its next message.

        Args:
            paused: the queues that hand out nothing.
        """
        ...

    def clear(self, queue: str) -> int:
        """Drop the waiting messages of a queue, and return their number."""
        ...

    def starving(self, paused: Collection[str]) -> Iterable[Consumer]:
        """Return the workers without credit that have messages waiting."""
        ...

    @property
    def depth(self) -> int:
        """Number of waiting messages, of the worker that has the most."""
        ...

    def waiting_of(self, queue: str) -> WaitingMessages:
        """Return where the messages of a queue wait, for the worker that has the most of them."""
        ...

    def __iter__(self) -> Iterator[QueuedMessage]:
        """Iterate over all waiting messages."""
        ...


class ExclusiveDispatch:
    """Each message goes to one worker: of those with credit, to the one that holds the fewest."""

    def __init__(self) -> None:
        self._waiting = WaitingMessages()
        self._consumers: dict[Consumer, None] = {}

    def join(self, consumer: Consumer) -> None:
        """Add a worker."""
        self._consumers[consumer] = None

    def leave(self, consumer: Consumer) -> None:
        """Put its unsettled deliveries before the waiting messages."""
        del self._consumers[consumer]
        for task in reversed(consumer.held.values()):
            self._waiting.appendleft(task)

    def put(self, task: QueuedMessage) -> None:
        """Add a message behind all others of its queue."""
        self._waiting.append(task)

    def put_back(self, consumer: Consumer, task: QueuedMessage, *, first: bool) -> None:
        """Add a returned message, for any worker; see `Dispatch`."""
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)

    def assign(self, paused: Collection[str]) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Prefer the worker with the fewest unsettled deliveries, then with the fewest in total."""
        ready = [
            (len(consumer.held), consumer.sent, number, consumer)
            for number, consumer in enumerate(self._consumers)
            if consumer.has_credit
        ]
        heapq.heapify(ready)
        while ready and self._waiting:
            _, _, number, consumer = ready[0]
            task = self._waiting.take(consumer.order, paused)
            if task is None:
                heapq.heappop(ready)
                continue
            yield consumer, task
            if consumer.has_credit:
                heapq.heapreplace(ready, (len(consumer.held), consumer.sent, number, consumer))
            else:
                heapq.heappop(ready)

    def clear(self, queue: str) -> int:
        """Drop the waiting messages of a queue."""
        return len(self._waiting.clear(queue))

    def starving(self, paused: Collection[str]) -> Iterable[Consumer]:
        """Return the workers without credit, while a message waits in one of their queues."""
        if not self._waiting:
            return ()
        return [
            each
            for each in self._consumers
            if not each.has_credit and self._waiting.holds_any(each.queues, paused)
        ]

    @property
    def depth(self) -> int:
        """Number of waiting messages."""
        return len(self._waiting)

    def waiting_of(self, queue: str) -> WaitingMessages:
        """Return where the messages of all queues wait."""
        del queue
        return self._waiting

    def __iter__(self) -> Iterator[QueuedMessage]:
        return iter(self._waiting)


class BroadcastDispatch:
    """Each message goes to every worker of its queue; without any, to the first that connects."""

    def __init__(self) -> None:
        self._early = WaitingMessages()
        self._copies: dict[Consumer, WaitingMessages] = {}

    def join(self, consumer: Consumer) -> None:
        """Give the first worker of a queue the messages that were sent before it."""
        copies = self._copies[consumer] = WaitingMessages()
        for queue in consumer.queues:
            for task in self._early.clear(queue):
                copies.append(task)

    def leave(self, consumer: Consumer) -> None:
        """Drop the worker's copies: the others have theirs."""
        del self._copies[consumer]

    def put(self, task: QueuedMessage) -> None:
        """Add a copy for each worker of the queue."""
        is_early = True
        for consumer, copies in self._copies.items():
            if task.queue in consumer.queues:
                copies.append(task.copy())
                is_early = False
        if is_early:
            self._early.append(task)

    def put_back(self, consumer: Consumer, task: QueuedMessage, *, first: bool) -> None:
        """Add a returned copy for the same worker, unless it is gone; see `Dispatch`."""
        copies = self._copies.get(consumer)
        if copies is None:
            return
        if first:
            copies.appendleft(task)
        else:
            copies.append(task)

    def assign(self, paused: Collection[str]) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Give each worker its own copies, as far as it has credit."""
        for consumer, copies in self._copies.items():
            while consumer.has_credit:
                task = copies.take(consumer.order, paused)
                if task is None:
                    break
                yield consumer, task

    def clear(self, queue: str) -> int:
        """Drop all copies, and return the number of the worker that had the most."""
        counts = [len(copies.clear(queue)) for copies in self._copies.values()]
        return max(counts, default=0) + len(self._early.clear(queue))

    def starving(self, paused: Collection[str]) -> Iterable[Consumer]:
        """Return the workers without credit that have copies waiting."""
        return [
            worker
            for worker, copies in self._copies.items()
            if not worker.has_credit and copies.holds_any(worker.queues, paused)
        ]

    @property
    def depth(self) -> int:
        """Number of waiting copies of the worker that has the most."""
        return max(map(len, self._copies.values()), default=0) + len(self._early)

    def waiting_of(self, queue: str) -> WaitingMessages:
        """Return the copies of the worker that has the most of this queue."""
        every = (self._early, *self._copies.values())
        return max(every, key=lambda copies: copies.count(queue))

    def __iter__(self) -> Iterator[QueuedMessage]:
        yield from self._early
        for copies in self._copies.values():
            yield from copies
