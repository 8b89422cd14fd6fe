"""The queues of the reference broker: every message, its lease and what became of it. No I/O."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from taskiq_core.exceptions import LeaseLostError, SendTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessageInfo,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_testkit.reference.history import History
from taskiq_testkit.reference.inspection import Place, delivery_order, page
from taskiq_testkit.reference.messages import DEFAULT, LATER_THAN_ALL, Message, NewMessage
from taskiq_testkit.reference.worker_records import WorkerRecords


class Store:
    """All messages of all queues. Each method is one step that nothing can interrupt.

    Args:
        lease: seconds for which a worker gets a message.
        max_size: bytes that a message may have.
        clock: seconds that only grow.

    Attributes:
        on_change: called when there may be something new to deliver, or to abort.
        workers: the records of workers.
        history: what happened.
    """

    def __init__(
        self,
        *,
        lease: float = 1.0,
        max_size: int = 4_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lease = lease
        self.max_size = max_size
        self.clock = clock
        self.on_change: Callable[[], None] = lambda: None
        self.messages: dict[int, Message] = {}
        self.dead: dict[int, tuple[DeadLetter, Message]] = {}
        self.numbers = count(1)
        self.fences = count(1)
        self.claims: dict[tuple[str, str], float] = {}
        self.confirmed: dict[str, set[str]] = {}
        self.paused: set[str] = set()
        self.names = {DEFAULT: None}  # in order
        self.workers = WorkerRecords()
        self.history = History()

    # -- sending ------------------------------------------------------------------------------

    def send(self, messages: Sequence[NewMessage]) -> None:
        """Store messages, all or none.

        Raises:
            SendTaskError: one is too large, or its unique key is taken.
        """
        keys = {each.unique_key for each in self.messages.values()} - {None}
        for new in messages:
            if len(new.body) > self.max_size:
                raise SendTaskError(task_name=new.task_name, reason="it is too large")
            if new.unique_key in keys:
                raise SendTaskError(task_name=new.task_name, reason="its unique key is taken")
            if new.unique_key is not None:
                keys.add(new.unique_key)
        for new in messages:
            self.put(new)
        self.on_change()

    def put(self, new: NewMessage) -> None:
        """Store one message."""
        now = self.clock()
        after = new.expires_after
        message = Message(
            number=next(self.numbers),
            task_id=new.task_id,
            task_name=new.task_name,
            body=new.body,
            due=now + max(new.delay, 0.0),
            priority=new.priority,
            expires_after=after,
            expires=LATER_THAN_ALL if after is None else now + after,
            unique_key=new.unique_key,
            queue=new.queue or DEFAULT,
        )
        self.names[message.queue] = None
        self.messages[message.number] = message

    # -- delivering ---------------------------------------------------------------------------

    def fetch(
        self, limit: int, queues: Sequence[str] = (DEFAULT,), owner: str = ""
    ) -> list[Message]:
        """Lease the next messages to a worker; copies, as they are at this moment.

        Args:
            limit: how many at most.
            queues: their names, in the order in which they are looked at.
            owner: the worker.
        """
        found: list[Message] = []
        for queue in self.unpaused(queues):
            due = [each for each in self.messages.values() if self.is_due(each, queue)]
            due.sort(key=delivery_order)
            found += due[: limit - len(found)]
        return [self.lease_to(owner, each) for each in found]

    def fetch_expired(self, limit: int, owner: str = "") -> list[Message]:
        """Lease expired messages of all queues to a worker, to be refused."""
        queues = self.unpaused(self.names)
        found = [each for each in self.messages.values() if self.is_expired(each)]
        return [self.lease_to(owner, each) for each in found if each.queue in queues][:limit]

    def lease_to(self, owner: str, message: Message) -> Message:
        """Lease a message to a worker; a copy of it."""
        expired = self.is_expired(message)
        message.attempt += 1
        message.fence = next(self.fences)
        message.lease_until = self.clock() + self.lease
        message.owner = owner
        return replace(message, expired=expired)

    def unpaused(self, queues: Collection[str]) -> list[str]:
        """Return the queues that hand out messages."""
        return [each for each in queues if each not in self.paused]

    def is_due(self, message: Message, queue: str) -> bool:
        """Whether it is to be delivered from that queue now, if only to be refused."""
        return message.queue == queue and (self.is_waiting(message) or self.is_expired(message))

    def is_waiting(self, message: Message) -> bool:
        """Return whether it could be delivered now. An aborted one does not wait for its time."""
        return message.fence is None and (message.aborted or message.due <= self.clock())

    def is_expired(self, message: Message) -> bool:
        """Whether it waits, and it is too late to start it."""
        return message.fence is None and message.expires <= self.clock()

    def unfetch(self, number: int, fence: int) -> None:
        """Take back a message that its worker never saw, without counting an attempt."""
        message = self.messages.get(number)
        if message is not None and message.fence == fence:
            message.attempt -= 1
            message.fence = None
            self.on_change()

    def next_event(self, queues: Collection[str] = (DEFAULT,)) -> float | None:
        """Seconds until there may be something to deliver by itself; None if never."""
        names = self.unpaused(queues)
        free = [each for each in self.messages.values() if each.fence is None]
        dues = [min(each.due, each.expires) for each in free if each.queue in names]
        return max(min(dues) - self.clock(), 0.0) if dues else None

    # -- settling -----------------------------------------------------------------------------

    def held(self, number: int, fence: int) -> Message:
        """Return a message that a delivery still has.

        Raises:
            LeaseLostError: it is another delivery's, or nobody's.
        """
        message = self.messages.get(number)
        if message is None or message.fence != fence:
            raise LeaseLostError(reason="it ran out, or the delivery was settled before")
        return message

    def ack(self, number: int, fence: int) -> None:
        """Forget a message."""
        del self.messages[self.held(number, fence).number]

    def release(self, number: int, fence: int, delay: float) -> None:
        """Have a message delivered again.

        Args:
            number: the message.
            fence: the delivery.
            delay: seconds until then; 0 or less for no delay.

        Raises:
            LeaseLostError: the delivery does not have the message.
        """
        message = self.held(number, fence)
        message.fence = None
        message.due = self.clock() + delay if delay > 0 else message.due
        self.on_change()

    def bury(self, number: int, fence: int, reason: str, error: str | None) -> None:
        """Move a message to the dead letters.

        Args:
            number: the message.
            fence: the delivery.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.

        Raises:
            LeaseLostError: the delivery does not have the message.
        """
        self.move_to_dead(self.held(number, fence), reason, error)

    def extend(self, number: int, fence: int) -> bool:
        """Renew a lease, and return whether the message is to be aborted."""
        message = self.held(number, fence)
        message.lease_until = self.clock() + self.lease
        return message.aborted

    def reclaim(self, owner: str | None = None) -> int:
        """Take deliveries back.

        Args:
            owner: a dead worker, whose deliveries they are; None for all whose lease ran out.

        Returns:
            The number of deliveries.
        """
        held = [each for each in self.messages.values() if each.fence is not None]
        if owner is None:
            late = [each for each in held if each.lease_until <= self.clock()]
        else:
            late = [each for each in held if each.owner == owner]
        for message in late:
            message.fence = None
            message.unsettled += 1
        if late:
            self.on_change()
        return len(late)

    # -- aborting -----------------------------------------------------------------------------

    def abort(self, task_id: str) -> AbortState:
        """Mark a message as aborted."""
        found = [each for each in self.messages.values() if each.task_id == task_id]
        for message in found:
            message.aborted = True
        self.on_change()
        if any(message.fence is not None for message in found):
            return AbortState.RUNNING
        return AbortState.QUEUED if found else AbortState.UNKNOWN

    def aborted(self) -> list[str]:
        """The tasks that run and are to be aborted."""
        return [each.task_id for each in self.messages.values() if each.aborted and each.fence]

    # -- operators ----------------------------------------------------------------------------

    def stats(self, queue: str = DEFAULT) -> QueueStats:
        """How many messages there are, by where they are."""
        messages = [each for each in self.messages.values() if each.queue == queue]
        free = [each for each in messages if each.fence is None]
        waiting = [each.sent_at for each in free if self.is_waiting(each)]
        age = (datetime.now(UTC) - min(waiting)).total_seconds() if waiting else None
        return QueueStats(
            waiting=len(waiting),
            delivered=len(messages) - len(free),
            delayed=len(free) - len(waiting),
            dead=sum(each.queue == queue for _, each in self.dead.values()),
            oldest_age=age,
            is_paused=queue in self.paused,
        )

    def queue_names(self) -> list[str]:
        """Return the queues that have held a message, and the default queue."""
        return list(self.names)

    def list_messages(
        self,
        state: MessageState,
        queue: str = DEFAULT,
        *,
        after: Place | None = None,
        limit: int = 100,
        where: MessageFilter = ALL_MESSAGES,
        with_body: bool = False,
    ) -> tuple[list[tuple[Place, MessageInfo]], bool]:
        """Return messages with their places, and whether more follow; see `inspection.page`."""
        return page(self, state, queue, after=after, limit=limit, where=where, with_body=with_body)

    def move_to_now(self, task_id: str, queue: str = DEFAULT) -> bool:
        """Have a delayed message delivered, and return whether it was found."""
        delayed = [
            each
            for each in self.messages.values()
            if (each.task_id, each.queue) == (task_id, queue)
            and each.fence is None
            and not self.is_waiting(each)
        ]
        for message in delayed:
            message.due = self.clock()
        self.on_change()
        return bool(delayed)

    def pause(self, queue: str = DEFAULT) -> None:
        """Hand out nothing from a queue."""
        self.paused.add(queue)

    def resume(self, queue: str = DEFAULT) -> None:
        """Hand out messages of a queue again."""
        self.paused.discard(queue)
        self.on_change()

    def purge(self, queue: str = DEFAULT) -> int:
        """Drop the messages that no worker has, and return their number."""
        messages = self.messages.items()
        free = [n for n, each in messages if each.fence is None and each.queue == queue]
        for number in free:
            del self.messages[number]
        return len(free)

    def letters(self, limit: int, offset: int, queue: str = DEFAULT) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first.

        Args:
            limit: how many letters to return at most.
            offset: how many of the oldest letters to skip.
            queue: the queue that they were in.
        """
        letters = [letter for letter, each in self.dead.values() if each.queue == queue]
        return letters[offset : offset + limit]

    def replay(self, letter_ids: Collection[str] | None, queue: str = DEFAULT) -> int:
        """Queue dead letters again, as new messages."""
        taken = self.take_letters(letter_ids, queue)
        for message in taken:
            self.put(
                NewMessage(
                    message.task_id,
                    message.task_name,
                    message.body,
                    priority=message.priority,
                    expires_after=message.expires_after,
                    queue=message.queue,
                )
            )
        self.on_change()
        return len(taken)

    def purge_letters(self, letter_ids: Collection[str] | None, queue: str = DEFAULT) -> int:
        """Forget dead letters."""
        return len(self.take_letters(letter_ids, queue))

    def take_letters(self, letter_ids: Collection[str] | None, queue: str) -> list[Message]:
        """Take dead letters out; the messages that they were."""
        numbers = [
            number
            for number, (_, message) in self.dead.items()
            if message.queue == queue and (letter_ids is None or str(number) in letter_ids)
        ]
        return [self.dead.pop(number)[1] for number in numbers]

    def move_to_dead(self, message: Message, reason: str, error: str | None) -> None:
        """Make a dead letter of a message.

        Args:
            message: the message.
            reason: why it is buried, in a few words.
            error: the task's last error as text; None if it had no error.
        """
        del self.messages[message.number]
        number = next(self.numbers)
        letter = DeadLetter(
            letter_id=str(number),
            task_id=message.task_id,
            task_name=message.task_name,
            message=message.body,
            attempt=message.attempt,
            reason=reason,
            error=error,
            buried_at=datetime.now(UTC),
        )
        self.dead[number] = (letter, message)

    # -- claims of ticks; these are texts of one length, in UTC -------------------------------

    def claim(self, schedule_id: str, tick: str, lease: float) -> bool:
        """Claim a tick, unless it is confirmed or another claim of it lasts.

        Args:
            schedule_id: the schedule.
            tick: when it is due, as text.
            lease: how long the claim lasts, in seconds.

        Returns:
            Whether it was claimed.
        """
        now = self.clock()
        key = (schedule_id, tick)
        if tick in self.confirmed.get(schedule_id, ()) or self.claims.get(key, now) > now:
            return False
        self.claims[key] = now + lease
        return True

    def confirm(self, schedule_id: str, tick: str) -> None:
        """End a claim for good; this store is for tests, and forgets nothing."""
        self.claims.pop((schedule_id, tick), None)
        self.confirmed.setdefault(schedule_id, set()).add(tick)

    def last_ticks(self, schedule_ids: Collection[str]) -> list[tuple[str, str]]:
        """Return schedule ids with their latest confirmed ticks."""
        return [
            (each, max(self.confirmed[each])) for each in schedule_ids if each in self.confirmed
        ]

    def abandoned(self) -> list[tuple[str, str]]:
        """Return the claims that have run out."""
        now = self.clock()
        return [key for key, ends in self.claims.items() if ends <= now]
