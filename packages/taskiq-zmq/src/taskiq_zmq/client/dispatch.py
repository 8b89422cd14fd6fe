"""Dispatch rules: a message goes to one worker, or to all of them."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol


class QueuedMessage:
    """One message of a client.

    Attributes:
        attempt: number of its deliveries.
        unsettled: number of deliveries that were lost with their worker.
        has_result: whether its worker has sent a result.
        aborted: whether its abort was requested.
    """

    __slots__ = ("aborted", "attempt", "body", "has_result", "task_id", "task_name", "unsettled")

    def __init__(self, task_id: str, task_name: str, body: bytes) -> None:
        self.task_id = task_id
        self.task_name = task_name
        self.body = body
        self.attempt = 0
        self.unsettled = 0
        self.has_result = False
        self.aborted = False

    def copy(self) -> "QueuedMessage":
        """Return a copy that counts its own deliveries."""
        return QueuedMessage(self.task_id, self.task_name, self.body)


class Consumer:
    """One worker: its credit, and the deliveries that it holds.

    Attributes:
        granted: deliveries that the worker has had slots for, in total; only a recall lowers it.
        sent: deliveries that were sent to it, in total.
        held: its unsettled deliveries, by tag, in the order in which they were sent.
    """

    __slots__ = ("granted", "held", "name", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
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

    def assign(self) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Iterate over pairs of a worker with credit and its next message."""
        ...

    def clear(self) -> int:
        """Drop all waiting messages.

        Returns:
            The number of messages dropped.
        """
        ...

    def starving(self) -> Iterable[Consumer]:
        """Return the workers without credit that have messages waiting."""
        ...

    @property
    def depth(self) -> int:
        """Number of waiting messages, of the worker that has the most."""
        ...

    def __iter__(self) -> Iterator[QueuedMessage]:
        """Iterate over all waiting messages."""
        ...


class ExclusiveDispatch:
    """Each message goes to one worker: of those with credit, to the one that holds the fewest."""

    def __init__(self) -> None:
        self._waiting: deque[QueuedMessage] = deque()
        self._consumers: dict[Consumer, None] = {}

    def join(self, consumer: Consumer) -> None:
        """Add a worker."""
        self._consumers[consumer] = None

    def leave(self, consumer: Consumer) -> None:
        """Put its unsettled deliveries before the waiting messages."""
        del self._consumers[consumer]
        self._waiting.extendleft(reversed(consumer.held.values()))

    def put(self, task: QueuedMessage) -> None:
        """Add a message behind all others."""
        self._waiting.append(task)

    def put_back(self, consumer: Consumer, task: QueuedMessage, *, first: bool) -> None:
        """Add a returned message, for any worker; see `Dispatch`."""
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)

    def assign(self) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Prefer the worker with the fewest unsettled deliveries, then with the fewest in total."""
        ready = [
            (len(consumer.held), consumer.sent, number, consumer)
            for number, consumer in enumerate(self._consumers)
            if consumer.has_credit
        ]
        heapq.heapify(ready)
        while ready and self._waiting:
            _, _, number, consumer = ready[0]
            yield consumer, self._waiting.popleft()
            if consumer.has_credit:
                heapq.heapreplace(ready, (len(consumer.held), consumer.sent, number, consumer))
            else:
                heapq.heappop(ready)

    def clear(self) -> int:
        """Drop all waiting messages."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def starving(self) -> Iterable[Consumer]:
        """Return all workers without credit, while any message waits."""
        return [each for each in self._consumers if not each.has_credit] if self._waiting else ()

    @property
    def depth(self) -> int:
        """Number of waiting messages."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedMessage]:
        return iter(self._waiting)


class BroadcastDispatch:
    """Each message goes to every connected worker; without any, to the first that connects."""

    def __init__(self) -> None:
        self._early: deque[QueuedMessage] = deque()
        self._copies: dict[Consumer, deque[QueuedMessage]] = {}

    def join(self, consumer: Consumer) -> None:
        """Give the first worker the messages that were sent before it."""
        self._copies[consumer] = self._early
        self._early = deque()

    def leave(self, consumer: Consumer) -> None:
        """Drop the worker's copies: the others have theirs."""
        del self._copies[consumer]

    def put(self, task: QueuedMessage) -> None:
        """Add a copy for each worker."""
        if not self._copies:
            self._early.append(task)
        for copies in self._copies.values():
            copies.append(task.copy())

    def put_back(self, consumer: Consumer, task: QueuedMessage, *, first: bool) -> None:
        """Add a returned copy for the same worker, unless it is gone; see `Dispatch`."""
        copies = self._copies.get(consumer)
        if copies is None:
            return
        if first:
            copies.appendleft(task)
        else:
            copies.append(task)

    def assign(self) -> Iterator[tuple[Consumer, QueuedMessage]]:
        """Give each worker its own copies, as far as it has credit."""
        for consumer, copies in self._copies.items():
            while copies and consumer.has_credit:
                yield consumer, copies.popleft()

    def clear(self) -> int:
        """Drop all copies.

        Returns:
            The number of messages dropped: how many copies the worker with the most had.
        """
        depth = self.depth
        self._early.clear()
        for copies in self._copies.values():
            copies.clear()
        return depth

    def starving(self) -> Iterable[Consumer]:
        """Return the workers without credit that have copies waiting."""
        return [
            worker for worker, copies in self._copies.items() if copies and not worker.has_credit
        ]

    @property
    def depth(self) -> int:
        """Number of waiting copies of the worker that has the most."""
        return max((len(copies) for copies in self._copies.values()), default=len(self._early))

    def __iter__(self) -> Iterator[QueuedMessage]:
        yield from self._early
        for copies in self._copies.values():
            yield from copies
