"""Stores that are broken on purpose, each in one way that queues are known to break."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_testkit.reference.messages import DEFAULT, Message, NewMessage
from taskiq_testkit.reference.store import Store


class DropsAcknowledgements(Store):
    def ack(self, number: int, fence: int) -> None:
        self.held(number, fence)


class DeliversTwice(Store):
    def put(self, new: NewMessage) -> None:
        super().put(new)
        super().put(new)


class CutsPayloads(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, body=new.body[:65_536]))


class WakesNobody(Store):
    def send(self, messages: Sequence[NewMessage]) -> None:
        wake, self.on_change = self.on_change, lambda: None
        super().send(messages)
        self.on_change = wake


class StoresHalfOfABulk(Store):
    def send(self, messages: Sequence[NewMessage]) -> None:
        super().send(messages[: (len(messages) + 1) // 2])


class IgnoresDelays(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, delay=0.0))


class DelaysInOrder(Store):
    def put(self, new: NewMessage) -> None:
        dues = [each.due - self.clock() for each in self.messages.values()]
        super().put(replace(new, delay=max([new.delay, *dues])))


class ReleasesAtOnce(Store):
    def release(self, number: int, fence: int, delay: float) -> None:
        super().release(number, fence, 0.0)


class LosesWhatIsReleased(Store):
    def release(self, number: int, fence: int, delay: float) -> None:
        del self.messages[self.held(number, fence).number]


class LosesWhatWasNotYielded(Store):
    def unfetch(self, number: int, fence: int) -> None:
        self.messages.pop(number, None)


class CountsNoAttempts(Store):
    def fetch(self, limit: int, *args: Any) -> list[Message]:
        return [replace(each, attempt=1) for each in super().fetch(limit, *args)]


class ForgetsTheUnsettled(Store):
    def reclaim(self, owner: str | None = None) -> int:
        count = super().reclaim(owner)
        for message in self.messages.values():
            message.unsettled = 0
        return count


class NeverReclaims(Store):
    def reclaim(self, owner: str | None = None) -> int:
        return 0


class ReclaimsButWakesNobody(Store):
    def reclaim(self, owner: str | None = None) -> int:
        wake, self.on_change = self.on_change, lambda: None
        count = super().reclaim(owner)
        self.on_change = wake
        return count


class NeverRenews(Store):
    def extend(self, number: int, fence: int) -> bool:
        return self.held(number, fence).aborted


class LetsAnyoneSettle(Store):
    def held(self, number: int, fence: int) -> Message:
        message = self.messages.get(number)
        return message if message is not None else super().held(number, fence)


class RepeatsFences(Store):
    def fetch(self, limit: int, *args: Any) -> list[Message]:
        self.fences = count(1)
        return super().fetch(limit, *args)


class IgnoresPriorities(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, priority=0))


class NeverExpires(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, expires_after=None))


class IgnoresUniqueKeys(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, unique_key=None))

    def send(self, messages: Sequence[NewMessage]) -> None:
        super().send([replace(each, unique_key=None) for each in messages])


class KeepsUniqueKeys(Store):
    def ack(self, number: int, fence: int) -> None:
        message = self.held(number, fence)
        super().ack(number, fence)
        if message.unique_key is not None:
            self.messages[-number] = replace(message, number=-number, due=float("inf"), fence=None)


class DropsDeadLetters(Store):
    def move_to_dead(self, message: Message, reason: str, error: str | None) -> None:
        del self.messages[message.number]


class ForgetsReasons(Store):
    def move_to_dead(self, message: Message, reason: str, error: str | None) -> None:
        super().move_to_dead(message, "rejected", None)


class ListsAllLetters(Store):
    def letters(self, limit: int, offset: int, queue: str = DEFAULT) -> list[DeadLetter]:
        return super().letters(1_000, 0, queue)


class KeepsReplayedLetters(Store):
    def take_letters(self, letter_ids: Collection[str] | None, queue: str) -> list[Message]:
        return [self.dead[n][1] for n in self.dead if letter_ids is None or str(n) in letter_ids]


class PurgesAllLetters(Store):
    def purge_letters(self, letter_ids: Collection[str] | None, queue: str = DEFAULT) -> int:
        return super().purge_letters(None, queue)


class StartsAbortedTasks(Store):
    def fetch(self, limit: int, *args: Any) -> list[Message]:
        return [replace(each, aborted=False) for each in super().fetch(limit, *args)]


class TellsNobodyOfAborts(Store):
    def aborted(self) -> list[str]:
        return []


class RenewsWithoutAWordOfAborts(Store):
    def extend(self, number: int, fence: int) -> bool:
        super().extend(number, fence)
        return False


class LosesAbortsAtTheHandOver(Store):
    """The abort of what was delivered a moment ago is answered, and marks nothing."""

    MOMENT = 0.05

    def abort(self, task_id: str) -> AbortState:
        state = super().abort(task_id)
        for message in self.messages.values():
            delivered_at = message.lease_until - self.lease
            if message.task_id == task_id and 0 <= self.clock() - delivered_at < self.MOMENT:
                message.aborted = False
        return state


class KeepsMarksOfAborts(Store):
    """A mark is that of an id, and not of a message."""

    marked: frozenset[str] = frozenset()

    def abort(self, task_id: str) -> AbortState:
        self.marked |= {task_id}
        return super().abort(task_id)

    def put(self, new: NewMessage) -> None:
        super().put(new)
        for message in self.messages.values():
            message.aborted |= message.task_id in self.marked


class CallsEveryTaskQueued(Store):
    def abort(self, task_id: str) -> AbortState:
        super().abort(task_id)
        return AbortState.QUEUED


class PurgesWhatRuns(Store):
    def purge(self, queue: str = DEFAULT) -> int:
        count = super().purge(queue)
        self.messages.clear()
        return count


class CountsTheDelayedAsWaiting(Store):
    def stats(self, queue: str = DEFAULT) -> QueueStats:
        stats = super().stats(queue)
        return replace(stats, waiting=stats.waiting + stats.delayed, delayed=0)


class ForgetsEverythingAtRestart(Store):
    """What restarts its server calls `forget`."""

    def forget(self) -> None:
        self.messages.clear()
