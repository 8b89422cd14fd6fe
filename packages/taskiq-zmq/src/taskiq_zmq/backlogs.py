"""Who gets a waiting message next: one worker (`SharedBacklog`) or all (`CopiedBacklog`)."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol


class QueuedTask:
    """One message in the hands of the client.

    Attributes:
        attempt: how often it has been delivered.
        unsettled: how many of those deliveries were lost with their worker.
        has_result: whether its worker has sent a result.
        aborted: whether somebody asked for its abort.
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

    def copy(self) -> "QueuedTask":
        """The same message, with a history of its own."""
        return QueuedTask(self.task_id, self.task_name, self.body)


class Account:
    """What the client owes one worker, and the worker the client.

    Attributes:
        granted: deliveries that the worker has had room for, in total; only a recall lowers it.
        sent: deliveries that it was sent, in total.
        held: those it has not settled, by tag, in the order they were sent.
    """

    __slots__ = ("granted", "held", "name", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.granted = 0
        self.sent = 0
        self.held: dict[int, QueuedTask] = {}

    @property
    def has_room(self) -> bool:
        """Whether the worker may be sent one more."""
        return self.sent < self.granted


class Backlog(Protocol):
    """The messages that wait, and the rule by which workers get them."""

    def join(self, account: Account) -> None:
        """A worker is there."""

    def leave(self, account: Account) -> None:
        """A worker is gone, with all that it held."""

    def put(self, task: QueuedTask) -> None:
        """A new message, or one whose delay is over."""

    def put_back(self, account: Account, task: QueuedTask, *, first: bool) -> None:
        """A message that a worker gave back; `first` to deliver it before those that wait."""

    def assign(self) -> Iterator[tuple[Account, QueuedTask]]:
        """Pairs of a worker with room and its next message; each is sent before the next one."""
        ...

    def clear(self) -> int:
        """Drop all that wait; how many there were."""
        ...

    def starving(self) -> Iterable[Account]:
        """Workers without room for whom something waits."""
        ...

    @property
    def depth(self) -> int:
        """How many messages wait, for the worker who has most to wait for."""
        ...

    def __iter__(self) -> Iterator[QueuedTask]:
        """All that wait."""
        ...


class SharedBacklog:
    """Each message goes to one worker: the one with room that holds the fewest."""

    def __init__(self) -> None:
        self._waiting: deque[QueuedTask] = deque()
        self._accounts: dict[Account, None] = {}

    def join(self, account: Account) -> None:
        """The worker takes part from now on."""
        self._accounts[account] = None

    def leave(self, account: Account) -> None:
        """All that it held goes to others, before what waits."""
        del self._accounts[account]
        self._waiting.extendleft(reversed(account.held.values()))

    def put(self, task: QueuedTask) -> None:
        """Behind all that wait."""
        self._waiting.append(task)

    def put_back(self, account: Account, task: QueuedTask, *, first: bool) -> None:
        """For any worker."""
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)

    def assign(self) -> Iterator[tuple[Account, QueuedTask]]:
        """Spread over the workers: fewest held first, then fewest sent so far."""
        ready = [
            (len(account.held), account.sent, number, account)
            for number, account in enumerate(self._accounts)
            if account.has_room
        ]
        heapq.heapify(ready)
        while ready and self._waiting:
            _, _, number, account = ready[0]
            yield account, self._waiting.popleft()
            if account.has_room:
                heapq.heapreplace(ready, (len(account.held), account.sent, number, account))
            else:
                heapq.heappop(ready)

    def clear(self) -> int:
        """Drop all that wait."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def starving(self) -> Iterable[Account]:
        """Every worker without room, while anything waits."""
        return [each for each in self._accounts if not each.has_room] if self._waiting else ()

    @property
    def depth(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedTask]:
        return iter(self._waiting)


class CopiedBacklog:
    """Each message goes to every worker that is there; before the first one is, to that one."""

    def __init__(self) -> None:
        self._early: deque[QueuedTask] = deque()
        self._copies: dict[Account, deque[QueuedTask]] = {}

    def join(self, account: Account) -> None:
        """The first worker gets what was sent before anyone was there."""
        self._copies[account] = self._early
        self._early = deque()

    def leave(self, account: Account) -> None:
        """Its copies go with it: the others have theirs."""
        del self._copies[account]

    def put(self, task: QueuedTask) -> None:
        """A copy for each worker."""
        if not self._copies:
            self._early.append(task)
        for copies in self._copies.values():
            copies.append(task.copy())

    def put_back(self, account: Account, task: QueuedTask, *, first: bool) -> None:
        """For the same worker; for nobody if it is gone."""
        copies = self._copies.get(account)
        if copies is None:
            return
        if first:
            copies.appendleft(task)
        else:
            copies.append(task)

    def assign(self) -> Iterator[tuple[Account, QueuedTask]]:
        """Each worker its own, as far as it has room."""
        for account, copies in self._copies.items():
            while copies and account.has_room:
                yield account, copies.popleft()

    def clear(self) -> int:
        """Drop all copies; how many messages they were for the worker with the most."""
        depth = self.depth
        self._early.clear()
        for copies in self._copies.values():
            copies.clear()
        return depth

    def starving(self) -> Iterable[Account]:
        """Those without room that have copies waiting."""
        return [who for who, copies in self._copies.items() if copies and not who.has_room]

    @property
    def depth(self) -> int:
        """How many wait for the worker that has the most waiting."""
        return max((len(copies) for copies in self._copies.values()), default=len(self._early))

    def __iter__(self) -> Iterator[QueuedTask]:
        yield from self._early
        for copies in self._copies.values():
            yield from copies
