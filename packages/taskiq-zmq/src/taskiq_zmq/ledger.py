"""Where every message of a client is: waiting, delayed, with a worker or dead. No I/O, no timer."""

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_zmq.backlogs import Account, Backlog, QueuedTask

MAX_HELD: Final = 100_000
"""Deliveries that one worker may hold at most, whatever credit it claims."""
MAX_LATE: Final = 100_000
"""Acknowledged deliveries whose results are still accepted."""


class Ledger:
    """The state of a client's messages; every method is one event.

    Times are numbers of one monotonic clock, in seconds. A delivery is known by its tag, which is
    never used twice, and belongs to the account it was sent to until it is settled or that account
    leaves. A settling call with a tag that the account does not hold changes nothing and says so.

    Args:
        backlog: the rule by which workers get messages.
        max_dead_letters: how many are kept; the oldest goes first.
        utc_now: says when a message was buried.
    """

    def __init__(
        self,
        backlog: Backlog,
        *,
        max_dead_letters: int = 1_000,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.dead: deque[DeadLetter] = deque(maxlen=max_dead_letters)
        self.accounts: dict[Account, None] = {}
        self._backlog = backlog
        self._utc_now = utc_now
        self._delayed: list[tuple[float, int, QueuedTask, Account | None]] = []
        self._late: OrderedDict[int, tuple[Account, str]] = OrderedDict()
        self._numbers = iter(range(1, 2**63))

    @property
    def waiting(self) -> int:
        """How many messages could be delivered now."""
        return self._backlog.depth

    @property
    def delayed(self) -> int:
        """How many messages wait for their time."""
        return len(self._delayed)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is waiting, delayed or with workers."""
        return not (self._delayed or self._backlog.depth or self.held)

    @property
    def held(self) -> int:
        """How many deliveries are with workers."""
        return sum(len(account.held) for account in self.accounts)

    @property
    def next_due(self) -> float | None:
        """When the first delay is over; None if nothing is delayed."""
        return self._delayed[0][0] if self._delayed else None

    def unfinished(self) -> Iterator[QueuedTask]:
        """All messages that are waiting, delayed or with workers."""
        with_workers = (account.held.values() for account in self.accounts)
        return chain(
            chain.from_iterable(with_workers), self._backlog, (entry[2] for entry in self._delayed)
        )

    def put(self, task: QueuedTask, due: float | None = None) -> None:
        """Take a new message, to be delivered now or when it is due."""
        if due is None:
            self._backlog.put(task)
        else:
            self._delay(task, due, None)

    def join(self, name: str) -> Account:
        """A worker is there; it has no room until it grants some."""
        account = Account(name)
        self.accounts[account] = None
        self._backlog.join(account)
        return account

    def grant(self, account: Account, granted: int) -> None:
        """The worker's total has grown; a smaller one is old news."""
        account.granted = max(account.granted, granted)

    def recall(self, account: Account) -> int:
        """Use no credit beyond what is used; the total that remains."""
        account.granted = min(account.granted, account.sent)
        return account.granted

    def leave(self, account: Account) -> int:
        """A worker is gone: what it held goes to others; how many deliveries that is."""
        del self.accounts[account]
        for task in account.held.values():
            task.unsettled += 1
            task.has_result = False
        lost = len(account.held)
        self._backlog.leave(account)
        account.held = {}
        return lost

    def dispatch(self, now: float) -> Iterator[tuple[Account, int, QueuedTask]]:
        """Deliver what workers have room for; who gets what, under which tag."""
        while self._delayed and self._delayed[0][0] <= now:
            _, _, task, owner = heapq.heappop(self._delayed)
            if owner is None:
                self._backlog.put(task)
            else:
                self._backlog.put_back(owner, task, first=False)
        for account, task in self._backlog.assign():
            tag = next(self._numbers)
            task.attempt += 1
            account.sent += 1
            account.held[tag] = task
            if len(account.held) >= MAX_HELD:
                account.granted = account.sent
            yield account, tag, task

    def starving(self) -> Iterator[Account]:
        """Workers that could be sent more if they gave credit."""
        return iter(self._backlog.starving())

    def ack(self, account: Account, tag: int) -> bool:
        """A delivery is done; False if the account does not hold it."""
        task = account.held.pop(tag, None)
        if task is None:
            return False
        self._expect_result(account, tag, task)
        return True

    def owns(self, account: Account, tag: int, task_id: str) -> bool:
        """Whether a delivery of this task is, or was when it was settled, the account's."""
        task = account.held.get(tag)
        if task is not None:
            return task.task_id == task_id
        return self._late.get(tag) == (account, task_id)

    def note_result(self, account: Account, tag: int) -> None:
        """The result of a delivery that the account owns is there."""
        task = account.held.get(tag)
        if task is not None:
            task.has_result = True
        else:
            self._late.pop(tag, None)

    def release(self, account: Account, tag: int, due: float | None) -> bool:
        """A worker gives a delivery back, for now or for later; False if it does not hold it."""
        task = account.held.pop(tag, None)
        if task is None:
            return False
        task.has_result = False
        if due is None:
            self._backlog.put_back(account, task, first=False)
        else:
            self._delay(task, due, account)
        return True

    def give_back(self, account: Account, tag: int) -> bool:
        """A worker has not begun a delivery: it does not count; False if it does not hold it."""
        task = account.held.pop(tag, None)
        if task is None:
            return False
        task.attempt -= 1
        self._backlog.put_back(account, task, first=True)
        return True

    def bury(self, account: Account, tag: int, reason: str, error: str | None = None) -> bool:
        """A worker gives a delivery up; False if it does not hold it."""
        task = account.held.pop(tag, None)
        if task is None:
            return False
        self._expect_result(account, tag, task)
        self.dead.append(
            DeadLetter(
                letter_id=str(next(self._numbers)),
                task_id=task.task_id,
                task_name=task.task_name,
                message=task.body,
                attempt=task.attempt,
                reason=reason,
                error=error,
                buried_at=self._utc_now(),
            )
        )
        return True

    def abort(self, task_id: str) -> tuple[AbortState, list[Account]]:
        """Mark a message as aborted; where it is, and the workers that have it.

        Looks at every message: aborts are rare, and an index would cost each send.
        """
        found = [task for task in self.unfinished() if task.task_id == task_id]
        for task in found:
            task.aborted = True
        self._hurry_aborted()
        holders = [
            account
            for account in self.accounts
            if any(task.task_id == task_id for task in account.held.values())
        ]
        if holders:
            return AbortState.RUNNING, holders
        return (AbortState.QUEUED if found else AbortState.UNKNOWN), []

    def purge(self) -> int:
        """Drop what waits and what is delayed; how many messages that was."""
        count = self._backlog.clear() + len(self._delayed)
        self._delayed.clear()
        return count

    def replay_dead(self, letter_ids: Collection[str] | None = None) -> int:
        """Let dead letters wait again, as new messages; None for all. How many there were."""
        letters = self._take_dead(letter_ids)
        for letter in letters:
            self._backlog.put(QueuedTask(letter.task_id, letter.task_name, letter.message))
        return len(letters)

    def purge_dead(self, letter_ids: Collection[str] | None = None) -> int:
        """Forget dead letters; None for all. How many there were."""
        return len(self._take_dead(letter_ids))

    def _take_dead(self, letter_ids: Collection[str] | None) -> list[DeadLetter]:
        taken = [d for d in self.dead if letter_ids is None or d.letter_id in letter_ids]
        for letter in taken:
            self.dead.remove(letter)
        return taken

    def _hurry_aborted(self) -> None:
        """Whoever waits for what was aborted is not to wait for its time."""
        entries = self._delayed
        self._delayed = [
            (0.0 if task.aborted else due, number, task, owner)
            for due, number, task, owner in entries
        ]
        heapq.heapify(self._delayed)

    def _expect_result(self, account: Account, tag: int, task: QueuedTask) -> None:
        if task.has_result:
            return
        self._late[tag] = account, task.task_id
        if len(self._late) > MAX_LATE:
            self._late.popitem(last=False)

    def _delay(self, task: QueuedTask, due: float, owner: Account | None) -> None:
        heapq.heappush(self._delayed, (due, next(self._numbers), task, owner))
