"""MessageQueue: the messages of a client, waiting, delayed, delivered or dead; without I/O."""

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_zmq.client.backlog import WaitingMessages
from taskiq_zmq.client.dispatch import Consumer, Dispatch
from taskiq_zmq.client.queued_message import QueuedMessage

MAX_HELD: Final = 100_000
"""Deliveries that one worker may hold, whatever credit it claims."""
MAX_LATE: Final = 100_000
"""Acknowledged deliveries whose results are still accepted."""
MAX_NAMES: Final = 1_000
"""Queues that are remembered although nothing is in them."""


class MessageQueue:
    """The state of a client's messages; every method is one event.

    Times are seconds of one monotonic clock. A delivery has a tag, which is never used twice, and
    belongs to the consumer it was sent to until it is settled or that consumer leaves. A call that
    settles a tag which the consumer does not hold changes nothing and returns False.

    Args:
        rule: decides which worker gets a message.
        default_queue: the queue that is always listed.
        max_dead_letters: dead letters that are kept; the oldest is dropped first.
        utc_now: returns the time at which a message is buried.

    Attributes:
        dead: the dead letters with the queues that they were in, oldest first.
        consumers: the connected workers.
        paused: the queues that hand out nothing.
    """

    def __init__(
        self,
        rule: Dispatch,
        *,
        default_queue: str,
        max_dead_letters: int = 1_000,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.dead: deque[tuple[str, DeadLetter]] = deque(maxlen=max_dead_letters)
        self.consumers: dict[Consumer, None] = {}
        self.paused: set[str] = set()
        self._default_queue = default_queue
        self._names: dict[str, None] = {default_queue: None}
        self._max_names = MAX_NAMES
        self._rule = rule
        self._utc_now = utc_now
        self._delayed: list[tuple[float, int, QueuedMessage, Consumer | None]] = []
        self._late: OrderedDict[int, tuple[Consumer, str]] = OrderedDict()
        self._numbers = iter(range(1, 2**63))

    @property
    def waiting(self) -> int:
        """Number of messages that could be delivered now."""
        return self._rule.depth

    @property
    def delayed(self) -> int:
        """Number of delayed messages."""
        return len(self._delayed)

    @property
    def is_idle(self) -> bool:
        """Whether no message is waiting, delayed or delivered."""
        return not (self._delayed or self._rule.depth or self.held)

    @property
    def held(self) -> int:
        """Number of deliveries that are not settled."""
        return sum(len(consumer.held) for consumer in self.consumers)

    @property
    def next_due(self) -> float | None:
        """Time at which the first delay ends; None if no message is delayed."""
        return self._delayed[0][0] if self._delayed else None

    @property
    def names(self) -> Collection[str]:
        """The queues that have held a message, the default queue first."""
        return self._names

    def waiting_of(self, queue: str) -> WaitingMessages:
        """Return where the messages of a queue wait."""
        return self._rule.waiting_of(queue)

    def held_of(self, queue: str) -> Iterator[tuple[int, Consumer, QueuedMessage]]:
        """Iterate over the deliveries of a queue: tag, worker and message."""
        for consumer in self.consumers:
            for tag, task in consumer.held.items():
                if task.queue == queue:
                    yield tag, consumer, task

    def delayed_of(self, queue: str) -> list[tuple[float, int, QueuedMessage]]:
        """Return the delayed messages of a queue, by when they are due, with their numbers."""
        found = [entry[:3] for entry in self._delayed if entry[2].queue == queue]
        return sorted(found, key=lambda entry: entry[:2])

    def stats(self, queue: str) -> QueueStats:
        """Count the messages of a queue in each state."""
        waiting = self._rule.waiting_of(queue)
        first = waiting.first(queue)
        return QueueStats(
            waiting=waiting.count(queue),
            delivered=sum(1 for _ in self.held_of(queue)),
            delayed=sum(entry[2].queue == queue for entry in self._delayed),
            dead=sum(name == queue for name, _ in self.dead),
            oldest_age=None
            if first is None
            else max(self._utc_now().timestamp() - first.sent_at, 0.0),
            is_paused=queue in self.paused,
        )

    def unfinished(self) -> Iterator[QueuedMessage]:
        """Iterate over all messages that are waiting, delayed or delivered."""
        delivered = (consumer.held.values() for consumer in self.consumers)
        return chain(
            chain.from_iterable(delivered), self._rule, (entry[2] for entry in self._delayed)
        )

    def put(self, task: QueuedMessage, due: float | None = None) -> None:
        """Add a new message, to be delivered now or when it is due."""
        if task.queue not in self._names:
            self._add_name(task.queue)
        if due is None:
            self._rule.put(task)
        else:
            self._delay(task, due, None)

    def join(
        self, name: str, *, worker_id: str = "", queues: QueueSelection | None = None
    ) -> Consumer:
        """Add a worker; it gets nothing until it grants credit.

        Args:
            name: for the log.
            worker_id: the owner of its deliveries.
            queues: what it listens to; None for the default queue.
        """
        selection = queues or QueueSelection({self._default_queue: 1})
        consumer = Consumer(name, worker_id=worker_id, queues=selection)
        self.consumers[consumer] = None
        self._rule.join(consumer)
        return consumer

    def grant(self, consumer: Consumer, granted: int) -> None:
        """Raise a worker's total credit; a lower total than before has no effect."""
        consumer.granted = max(consumer.granted, granted)

    def recall(self, consumer: Consumer) -> int:
        """Take back unused credit.

        Returns:
            The total credit that remains: the deliveries that were sent.
        """
        consumer.granted = min(consumer.granted, consumer.sent)
        return consumer.granted

    def leave(self, consumer: Consumer) -> int:
        """Remove a lost worker, and deliver its messages to others.

        Returns:
            The number of deliveries that it held.
        """
        del self.consumers[consumer]
        for task in consumer.held.values():
            task.unsettled += 1
            task.has_result = False
        lost = len(consumer.held)
        self._rule.leave(consumer)
        consumer.held = {}
        return lost

    def dispatch(self, now: float) -> Iterator[tuple[Consumer, int, QueuedMessage]]:
        """Deliver as many messages as workers have credit for.

        Returns:
            The consumer, tag and message of each delivery.
        """
        while self._delayed and self._delayed[0][0] <= now:
            _, _, task, owner = heapq.heappop(self._delayed)
            if owner is None:
                self._rule.put(task)
            else:
                self._rule.put_back(owner, task, first=False)
        for consumer, task in self._rule.assign(self.paused):
            tag = next(self._numbers)
            task.attempt += 1
            consumer.sent += 1
            consumer.held[tag] = task
            if len(consumer.held) >= MAX_HELD:
                consumer.granted = consumer.sent
            yield consumer, tag, task

    def starving(self) -> Iterator[Consumer]:
        """Iterate over workers that would get messages if they had credit."""
        return iter(self._rule.starving(self.paused))

    def ack(self, consumer: Consumer, tag: int) -> bool:
        """Acknowledge a delivery."""
        task = consumer.held.pop(tag, None)
        if task is None:
            return False
        self._expect_result(consumer, tag, task)
        return True

    def owns(self, consumer: Consumer, tag: int, task_id: str) -> bool:
        """Return whether a delivery is the consumer's, or was when it was settled.

        Args:
            consumer: the worker that says so.
            tag: the delivery.
            task_id: the task whose message it is.
        """
        task = consumer.held.get(tag)
        if task is not None:
            return task.task_id == task_id
        return self._late.get(tag) == (consumer, task_id)

    def note_result(self, consumer: Consumer, tag: int) -> None:
        """Note that the result of a delivery has come."""
        task = consumer.held.get(tag)
        if task is not None:
            task.has_result = True
        else:
            self._late.pop(tag, None)

    def release(self, consumer: Consumer, tag: int, due: float | None) -> bool:
        """Deliver a message again.

        Args:
            consumer: the worker that has the delivery.
            tag: the delivery.
            due: when, by the clock of the event loop; None for now.

        Returns:
            Whether the worker had the delivery.
        """
        task = consumer.held.pop(tag, None)
        if task is None:
            return False
        task.has_result = False
        if due is None:
            self._rule.put_back(consumer, task, first=False)
        else:
            self._delay(task, due, consumer)
        return True

    def give_back(self, consumer: Consumer, tag: int) -> bool:
        """Take back an unstarted delivery without counting an attempt."""
        task = consumer.held.pop(tag, None)
        if task is None:
            return False
        task.attempt -= 1
        self._rule.put_back(consumer, task, first=True)
        return True

    def bury(self, consumer: Consumer, tag: int, reason: str, error: str | None = None) -> bool:
        """Move a delivery to the dead letters.

        Args:
            consumer: the worker that has the delivery.
            tag: the delivery.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.

        Returns:
            Whether the worker had the delivery.
        """
        task = consumer.held.pop(tag, None)
        if task is None:
            return False
        self._expect_result(consumer, tag, task)
        letter = DeadLetter(
            letter_id=str(next(self._numbers)),
            task_id=task.task_id,
            task_name=task.task_name,
            message=task.body,
            attempt=task.attempt,
            reason=reason,
            error=error,
            buried_at=self._utc_now(),
        )
        self.dead.append((task.queue, letter))
        return True

    def abort(self, task_id: str) -> tuple[AbortState, list[Consumer]]:
        """Mark a message as aborted.

        Scans all messages: aborts are rare, and an index would slow down every send.

        Returns:
            Where the message is, and the workers that hold it.
        """
        found = [task for task in self.unfinished() if task.task_id == task_id]
        for task in found:
            task.aborted = True
        self._make_due(lambda task: task.aborted)  # their callers wait for the results
        holders = [
            consumer
            for consumer in self.consumers
            if any(task.task_id == task_id for task in consumer.held.values())
        ]
        if holders:
            return AbortState.RUNNING, holders
        return (AbortState.QUEUED if found else AbortState.UNKNOWN), []

    def move_to_now(self, task_id: str, queue: str) -> bool:
        """Make a delayed message due at once, and return whether there was one."""
        return self._make_due(lambda task: task.task_id == task_id and task.queue == queue)

    def purge(self, queue: str) -> int:
        """Drop the waiting and delayed messages of a queue, and return their number."""
        kept = [entry for entry in self._delayed if entry[2].queue != queue]
        count = self._rule.clear(queue) + len(self._delayed) - len(kept)
        heapq.heapify(kept)
        self._delayed = kept
        return count

    def dead_letters(self, queue: str) -> Iterator[DeadLetter]:
        """Iterate over the dead letters of a queue, oldest first."""
        return (letter for name, letter in self.dead if name == queue)

    def replay_dead(self, letter_ids: Collection[str] | None, queue: str) -> int:
        """Queue dead letters again as new messages, all for None, and return their number."""
        letters = self._take_dead(letter_ids, queue)
        for letter in letters:
            self.put(QueuedMessage(letter.task_id, letter.task_name, letter.message, queue))
        return len(letters)

    def purge_dead(self, letter_ids: Collection[str] | None, queue: str) -> int:
        """Delete dead letters, all for None, and return their number."""
        return len(self._take_dead(letter_ids, queue))

    def _take_dead(self, letter_ids: Collection[str] | None, queue: str) -> list[DeadLetter]:
        taken = [
            (name, letter)
            for name, letter in self.dead
            if name == queue and (letter_ids is None or letter.letter_id in letter_ids)
        ]
        for entry in taken:
            self.dead.remove(entry)
        return [letter for _, letter in taken]

    def _add_name(self, queue: str) -> None:
        # Every peer that may send may think of names: those of empty queues are forgotten in time.
        if len(self._names) >= self._max_names:
            used = (task.queue for task in self.unfinished())
            dead = (name for name, _ in self.dead)
            self._names = dict.fromkeys((self._default_queue, *used, *dead))
            self._max_names = max(MAX_NAMES, 2 * len(self._names))
        self._names[queue] = None

    def _make_due(self, is_wanted: Callable[[QueuedMessage], bool]) -> bool:
        entries = self._delayed
        wanted = [is_wanted(entry[2]) for entry in entries]
        self._delayed = [
            (0.0, *entry[1:]) if is_due else entry
            for entry, is_due in zip(entries, wanted, strict=True)
        ]
        heapq.heapify(self._delayed)
        return any(wanted)

    def _expect_result(self, consumer: Consumer, tag: int, task: QueuedMessage) -> None:
        if task.has_result:
            return
        self._late[tag] = consumer, task.task_id
        if len(self._late) > MAX_LATE:
            self._late.popitem(last=False)

    def _delay(self, task: QueuedMessage, due: float, owner: Consumer | None) -> None:
        heapq.heappush(self._delayed, (due, next(self._numbers), task, owner))
