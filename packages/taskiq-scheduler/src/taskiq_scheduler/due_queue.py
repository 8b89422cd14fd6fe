"""DueQueue: the schedules that a scheduler knows, ordered by when they are due; no I/O."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
from taskiq_scheduler.errors import BadScheduleError, ScheduleValueError
from taskiq_scheduler.missed import is_too_late, ticks_to_send
from taskiq_scheduler.ticks import cron_tick_of_minute, next_tick, running_ticks
from taskiq_scheduler.validation import check_timing

_INCREDIBLE: Final = timedelta(days=1)
"""A last tick that is further ahead than this was made while the clock was wrong."""


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule that is due.

    Attributes:
        first: the earliest tick that was not looked at before.
        ticks: the ticks to send, earliest first; empty if all of them are too late.
    """

    source: ScheduleSource
    schedule: ScheduledTask
    first: datetime
    ticks: tuple[datetime, ...]


@dataclass(eq=False, slots=True)
class Entry:
    """A schedule, and when it is due.

    Attributes:
        tick: when it is due next; None for never, or while it is paused.
        running: ticks that are due because the schedule is seen for the first time; `tick` is the
            first of them.
        last: the latest tick that was taken; no tick up to it is taken again.
        is_current: whether the source still has it as it stands here.
    """

    source: ScheduleSource
    schedule: ScheduledTask
    tick: datetime | None = None
    running: tuple[datetime, ...] = ()
    last: datetime | None = None
    is_current: bool = True


@dataclass(slots=True)
class SourceEntries:
    """Entries of one source by schedule id, and the reasons why schedules are left out."""

    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    problems: dict[str, str] = field(default_factory=dict[str, str])


class DueQueue:
    """A heap: the cost of a tick grows with the number of schedules due, not with that of all."""

    def __init__(self) -> None:
        self._skipped_minute: datetime | None = None
        self._heap: list[tuple[datetime, int, Entry]] = []
        self._known: dict[ScheduleSource, SourceEntries] = {}
        self._numbers = count()

    @property
    def first_tick(self) -> datetime | None:
        """When something is due next; None for never."""
        while self._heap and not self._heap[0][2].is_current:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def __len__(self) -> int:
        return sum(len(known.entries) for known in self._known.values())

    def skip_minute(self, now: datetime) -> None:
        """Count the cron ticks of the running minute as sent."""
        self._skipped_minute = now.replace(second=0, microsecond=0)

    def find(self, source: ScheduleSource, schedule_id: str) -> ScheduledTask | None:
        """Return a schedule by its id."""
        entry = self._known.get(source, SourceEntries()).entries.get(schedule_id)
        return None if entry is None else entry.schedule

    def unknown(
        self, source: ScheduleSource, schedules: Iterable[ScheduledTask]
    ) -> list[ScheduledTask]:
        """Return the enabled schedules that were not there before: last ticks matter to them."""
        entries = self._known.get(source, SourceEntries()).entries
        return [each for each in schedules if each.enabled and each.schedule_id not in entries]

    def replace(
        self,
        source: ScheduleSource,
        schedules: Iterable[ScheduledTask],
        now: datetime,
        last_ticks: Mapping[str, datetime] | None = None,
    ) -> list[BadScheduleError]:
        """Enter what a source has now; schedules that did not change keep their place.

        Args:
            source: has the schedules.
            schedules: all of them.
            now: the current moment.
            last_ticks: by schedule id. A new schedule with a last tick is due after it, so that
                missed ticks are made up for; one without is due for its running tick.

        Returns:
            What is wrong with schedules that can't be followed; each problem once.
        """
        before = self._known.get(source, SourceEntries())
        found = SourceEntries()
        problems: list[BadScheduleError] = []
        for schedule in schedules:
            schedule_id = schedule.schedule_id
            entry = before.entries.get(schedule_id)
            error = self._fault(schedule, entry, found)
            if error is not None:
                found.problems[schedule_id] = str(error)
                if before.problems.get(schedule_id) != str(error):
                    problems.append(_problem(source, schedule, error))
                continue
            if entry is None or entry.schedule != schedule:
                last = (last_ticks or {}).get(schedule_id)
                entry = self._enter(source, schedule, entry, now, last)
            found.entries[schedule_id] = entry
        for schedule_id, entry in before.entries.items():
            if found.entries.get(schedule_id) is not entry:
                entry.is_current = False
        self._known[source] = found
        self._compact()
        return problems

    def take_due(self, now: datetime) -> Iterator[Due]:
        """Yield what is due, earliest first; repeated schedules are entered for their next tick.

        Due.ticks are the missed ticks that the schedule's policy lets through.
        """
        while (first := self.first_tick) is not None and first <= now:
            _, _, entry = heapq.heappop(self._heap)
            schedule = entry.schedule
            if entry.running:
                for tick in entry.running:
                    yield Due(entry.source, schedule, tick, (tick,))
                entry.running = ()
                entry.tick = next_tick(schedule, entry.last or now)
                self._push(entry)
                continue
            following = next_tick(schedule, first) if schedule.is_repeated else None
            if following is None or following > now:
                ticks = [] if is_too_late(schedule, first, now) else [first]
                entry.last = first
            else:
                ticks = ticks_to_send(schedule, first, now)
                following = next_tick(schedule, now)
                entry.last = now
            entry.tick = following
            self._push(entry)
            yield Due(entry.source, schedule, first, tuple(ticks))

    # -- entries ------------------------------------------------------------------------------

    def _fault(
        self, schedule: ScheduledTask, before: Entry | None, found: SourceEntries
    ) -> ScheduleValueError | None:
        """Why a schedule can't be followed."""
        if schedule.schedule_id in found.entries:
            return ScheduleValueError(reason="another schedule of its source has the same id")
        if before is None or before.schedule != schedule:
            try:
                check_timing(schedule)
            except ScheduleValueError as error:
                return error
        return None

    def _enter(
        self,
        source: ScheduleSource,
        schedule: ScheduledTask,
        before: Entry | None,
        now: datetime,
        last: datetime | None,
    ) -> Entry:
        entry = Entry(source, schedule)
        skipped = self._skipped_tick(schedule, now) if before is None else None
        if last is not None and last - now <= _INCREDIBLE:
            entry.last = max(last, skipped or last)
        if before is not None:
            entry.last = before.last
        if schedule.enabled and before is None and entry.last is None:
            entry.running = _running_ticks_of(schedule, now, without=skipped)
            entry.last = now if entry.running else None
        if schedule.enabled:
            entry.tick = entry.running[0] if entry.running else _first_tick_of(entry, before, now)
        self._push(entry)
        return entry

    def _skipped_tick(self, schedule: ScheduledTask, now: datetime) -> datetime | None:
        minute = now.replace(second=0, microsecond=0)
        return cron_tick_of_minute(schedule, now) if minute == self._skipped_minute else None

    def _push(self, entry: Entry) -> None:
        if entry.tick is not None:
            heapq.heappush(self._heap, (entry.tick, next(self._numbers), entry))

    def _compact(self) -> None:
        """Forget entries that were replaced, where they have become the greater part."""
        if len(self._heap) > 2 * len(self) + 100:
            self._heap = [each for each in self._heap if each[2].is_current]
            heapq.heapify(self._heap)


def _running_ticks_of(
    schedule: ScheduledTask, now: datetime, *, without: datetime | None
) -> tuple[datetime, ...]:
    if not schedule.is_repeated:
        return ()
    ticks = (tick for tick in running_ticks(schedule, now) if tick != without)
    return tuple(tick for tick in ticks if not is_too_late(schedule, tick, now))


def _first_tick_of(entry: Entry, before: Entry | None, now: datetime) -> datetime | None:
    schedule = entry.schedule
    if before is not None and before.schedule.enabled and schedule.has_timing_of(before.schedule):
        entry.running = before.running
        return before.tick
    if entry.last is None:
        return next_tick(schedule, now)
    if not schedule.is_repeated:
        # It was sent, unless it is for another time since.
        tick = next_tick(schedule, now)
        return tick if tick is not None and tick > entry.last else None
    is_made_up_for = before is None and schedule.missed is not MissedTicks.SKIP
    # Where the clock was put back, no tick is due again that was taken before.
    return next_tick(schedule, entry.last if is_made_up_for else max(now, entry.last))


def _problem(
    source: ScheduleSource, schedule: ScheduledTask, error: ScheduleValueError
) -> BadScheduleError:
    return BadScheduleError(
        schedule_id=schedule.schedule_id,
        task_name=schedule.task_name,
        source=type(source).__name__,
        reason=str(error),
    )
