"""WaitingMessages: what waits to be delivered, queue by queue."""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from operator import attrgetter

from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_zmq.client.queued_message import QueuedMessage


class WaitingMessages:
    """Messages by queue, each queue in the order of delivery; an empty queue is forgotten.

    The places of a queue's messages only grow from its first to its last, so that a page of them is
    found by the place where the last one ended.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[QueuedMessage]] = {}
        self._first = 0
        self._last = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[QueuedMessage]:
        for queue in self._queues.values():
            yield from queue

    def count(self, queue: str) -> int:
        """Return the number of messages of a queue."""
        return len(self._queues.get(queue, ()))

    def first(self, queue: str) -> QueuedMessage | None:
        """Return the message of a queue that is delivered next; None if the queue is empty."""
        messages = self._queues.get(queue)
        return messages[0] if messages else None

    def after(self, queue: str, place: int | None) -> Iterator[QueuedMessage]:
        """Iterate over the messages of a queue behind a place; None for all."""
        messages = self._queues.get(queue, deque())
        start = 0 if place is None else bisect_right(messages, place, key=attrgetter("place"))
        return islice(messages, start, None)

    def append(self, message: QueuedMessage) -> None:
        """Add a message behind the others of its queue."""
        self._last += 1
        message.place = self._last
        self._queue(message.queue).append(message)
        self._count += 1

    def appendleft(self, message: QueuedMessage) -> None:
        """Add a message before the others of its queue."""
        self._first -= 1
        message.place = self._first
        self._queue(message.queue).appendleft(message)
        self._count += 1

    def take(self, order: QueueOrder, paused: Collection[str]) -> QueuedMessage | None:
        """Take the next message for a worker; None if its queues are empty or paused."""
        for name in order.queues():
            queue = self._queues.get(name)
            if queue is None or name in paused:
                continue
            order.served(name)
            self._count -= 1
            message = queue.popleft()
            if not queue:
                del self._queues[name]
            return message
        return None

    def holds_any(self, queues: Collection[str], paused: Collection[str]) -> bool:
        """Return whether a message waits in one of these queues that is not paused."""
        return any(name in self._queues and name not in paused for name in queues)

    def clear(self, queue: str) -> list[QueuedMessage]:
        """Remove the messages of a queue, and return them."""
        removed = self._queues.pop(queue, deque())
        self._count -= len(removed)
        return list(removed)

    def _queue(self, name: str) -> deque[QueuedMessage]:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = deque()
        return queue
