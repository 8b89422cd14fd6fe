"""Stores that break what operators rely on, each in one way; `broken_stores` has the others."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from taskiq_core.messages.history import HistoryOptions, HistoryPage, MinuteCounters
from taskiq_core.messages.message_info import ALL_MESSAGES, MessageInfo, MessageState
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_testkit.reference.history import History
from taskiq_testkit.reference.inspection import Place
from taskiq_testkit.reference.messages import DEFAULT, Message, NewMessage
from taskiq_testkit.reference.store import Store
from taskiq_testkit.reference.worker_records import WorkerRecords

Listed = tuple[list[tuple[Place, MessageInfo]], bool]
FOR_EVER = 1e9

# --- expiry ---------------------------------------------------------------------------------------


class DeliversExpiredAsUsual(Store):
    def fetch(self, limit: int, *args: Any) -> list[Message]:
        return [replace(each, expired=False) for each in super().fetch(limit, *args)]


class OverlooksTheExpired(Store):
    def fetch_expired(self, limit: int, owner: str = "") -> list[Message]:
        return []


# --- queues ---------------------------------------------------------------------------------------


class IgnoresQueueNames(Store):
    def put(self, new: NewMessage) -> None:
        super().put(replace(new, queue=None))


class WakesTheDefaultQueueOnly(Store):
    def send(self, messages: Sequence[NewMessage]) -> None:
        wake = self.on_change
        if any(each.queue for each in messages):
            self.on_change = lambda: None
        super().send(messages)
        self.on_change = wake


class ReleasesToTheDefaultQueue(Store):
    def release(self, number: int, fence: int, delay: float) -> None:
        self.held(number, fence).queue = DEFAULT
        super().release(number, fence, delay)


class CountsAllQueues(Store):
    def stats(self, queue: str = DEFAULT) -> QueueStats:
        stats = [super(CountsAllQueues, self).stats(each) for each in self.names]
        return replace(stats[0], waiting=sum(each.waiting or 0 for each in stats))


class PurgesAllQueues(Store):
    def purge(self, queue: str = DEFAULT) -> int:
        return sum(super(PurgesAllQueues, self).purge(each) for each in self.names)


class ReplaysToTheDefaultQueue(Store):
    def take_letters(self, letter_ids: Collection[str] | None, queue: str) -> list[Message]:
        return [replace(each, queue=DEFAULT) for each in super().take_letters(letter_ids, queue)]


class NamesTheDefaultQueueOnly(Store):
    def queue_names(self) -> list[str]:
        return [DEFAULT]


# --- inspection -----------------------------------------------------------------------------------


class ListsInReverse(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        found, more = super().list_messages(*args, **{**options, "after": None, "limit": 1_000})
        return found[::-1], more


class DeliversWhatItLists(Store):
    def list_messages(self, state: MessageState, *args: Any, **options: Any) -> Listed:
        found = super().list_messages(state, *args, **options)
        for message in self.messages.values():
            message.attempt += state is MessageState.WAITING
        return found


class ForgetsBodies(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        return super().list_messages(*args, **{**options, "with_body": False})


class PagesByOffset(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        offset = int((options.pop("after", None) or [0])[0])
        limit = options.pop("limit")
        found, _ = super().list_messages(*args, **options, limit=1_000)
        page = [((offset + n,), info) for n, (_, info) in enumerate(found[offset:], 1)]
        return page[:limit], len(page) > limit


class NamesTheWrongOwner(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        found, more = super().list_messages(*args, **options)
        return [(place, replace(info, owner="another")) for place, info in found], more


class ForgetsWhenMessagesAreDue(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        found, more = super().list_messages(*args, **options)
        return [(place, replace(info, due_at=None)) for place, info in found], more


class MovesAllThatIsDelayed(Store):
    def move_to_now(self, task_id: str, queue: str = DEFAULT) -> bool:
        for message in self.messages.values():
            message.due = min(message.due, self.clock())
        self.on_change()
        return True


class IgnoresFilters(Store):
    def list_messages(self, *args: Any, **options: Any) -> Listed:
        return super().list_messages(*args, **{**options, "where": ALL_MESSAGES})


class ListsTheDefaultQueueOnly(Store):
    def list_messages(self, state: MessageState, queue: str = DEFAULT, **options: Any) -> Listed:
        return super().list_messages(state, **options)


# --- presence -------------------------------------------------------------------------------------


class FirstRecords(WorkerRecords):
    """Keeps the first record of each worker."""

    def announce(self, record: str, ttl: float) -> None:
        known = self.kept.workers()
        super().announce(record, ttl)
        for each in known:
            self.kept.announce(each, ttl)


class EndlessRecords(WorkerRecords):
    """Keeps records for ever."""

    def announce(self, record: str, ttl: float) -> None:
        super().announce(record, FOR_EVER)


class StickyRecords(WorkerRecords):
    """Lists workers that have ended."""

    def withdraw(self, worker_id: str) -> None:
        pass


class KeepsTheFirstRecord(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.workers = FirstRecords()


class KeepsRecordsForEver(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.workers = EndlessRecords()


class ListsTheWithdrawn(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.workers = StickyRecords()


class WaitsForLeasesOfTheDead(Store):
    def reclaim(self, owner: str | None = None) -> int:
        return super().reclaim()


class ReclaimsFromTheLiving(Store):
    def reclaim(self, owner: str | None = None) -> int:
        if owner is not None:
            for message in self.messages.values():
                message.lease_until = 0.0
        return super().reclaim()


# --- pause ----------------------------------------------------------------------------------------


class PausesNothing(Store):
    def unpaused(self, queues: Collection[str]) -> list[str]:
        return list(queues)


class PausesEverything(Store):
    def unpaused(self, queues: Collection[str]) -> list[str]:
        return [] if self.paused else list(queues)


class ResumesAndWakesNobody(Store):
    def resume(self, queue: str = DEFAULT) -> None:
        self.paused.discard(queue)


class SaysNothingOfAPause(Store):
    def stats(self, queue: str = DEFAULT) -> QueueStats:
        return replace(super().stats(queue), is_paused=False)


class ForgetsThePauseAtRestart(Store):
    """What restarts its server calls `forget`."""

    def forget(self) -> None:
        self.paused.clear()


class TakesBackWhatRunsInAPause(Store):
    def pause(self, queue: str = DEFAULT) -> None:
        super().pause(queue)
        for message in self.messages.values():
            message.fence = None


# --- history --------------------------------------------------------------------------------------


class ReversedHistory(History):
    """Lists the oldest first."""

    def page(self, *facts: Any) -> str:
        page = HistoryPage.model_validate_json(super().page(*facts[:3], None, 1_000))
        return page.model_copy(
            update={"deliveries": page.deliveries[::-1], "after": None}
        ).model_dump_json()


class ShiftingHistory(History):
    """Finds pages by number."""

    def page(self, *facts: Any) -> str:
        *others, after, limit = facts
        offset = int(after or 0)
        page = HistoryPage.model_validate_json(super().page(*others, None, 1_000))
        found, end = page.deliveries[offset : offset + limit], offset + limit
        more = str(end) if end < len(page.deliveries) else None
        return HistoryPage(deliveries=found, after=more).model_dump_json()


class UnfilteredHistory(History):
    """Lists all deliveries, whichever are asked for."""

    def page(self, *facts: Any) -> str:
        return super().page(None, None, None, *facts[3:])


class EndlessHistory(History):
    """Forgets nothing."""

    def add(self, deliveries: list[str], counters: list[str], *options: Any) -> None:
        generous = HistoryOptions(1_000_000, FOR_EVER, FOR_EVER)
        super().add(
            deliveries,
            counters,
            generous.max_deliveries,
            generous.max_age,
            generous.counters_age,
        )


class LatestCounters(History):
    """Keeps the counters of the last worker."""

    def add(self, deliveries: list[str], counters: list[str], *options: Any) -> None:
        for text in counters:
            each = MinuteCounters.model_validate_json(text)
            self.kept._counters.pop((each.minute, each.task_name), None)  # the fault
        super().add(deliveries, counters, *options)


class ListsHistoryInReverse(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history = ReversedHistory()


class PagesHistoryByNumber(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history = ShiftingHistory()


class IgnoresFiltersOfHistory(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history = UnfilteredHistory()


class KeepsHistoryForEver(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history = EndlessHistory()


class ReplacesCounters(Store):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history = LatestCounters()
