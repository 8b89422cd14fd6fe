"""The schedules that a scheduler knows, ordered by when they are due; no I/O."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.scheduled_task import ScheduledTask
from taskiq_scheduler.errors import BadScheduleError, CronValueError
from taskiq_scheduler.timetable import next_tick


@dataclass(eq=False, slots=True)
class Entry:
    """A schedule, and when it is due next.

    Attributes:
        is_current: whether the source still has it as it stands here.
        is_claimed: whether this scheduler is the one that sends this tick.
    """

    source: ScheduleSource
    schedule: ScheduledTask
    tick: datetime
    is_current: bool = True
    is_claimed: bool = False

    @property
    def is_repeated(self) -> bool:
        """Whether it is due more than once."""
        return self.schedule.cron is not None or self.schedule.interval is not None


class Agenda:
    """A heap: what a tick costs grows with what is due, not with what there is."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Entry]] = []
        self._known: dict[ScheduleSource, dict[str, Entry]] = {}
        self._numbers = count()

    @property
    def first_tick(self) -> datetime | None:
        """When something is due next."""
        while self._heap and not self._heap[0][2].is_current:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def replace(
        self, source: ScheduleSource, schedules: Iterable[ScheduledTask], now: datetime
    ) -> list[BadScheduleError]:
        """A source says what it has now; those that did not change keep their place.

        Returns:
            What is wrong with schedules that can't be followed.
        """
        before = self._known.get(source, {})
        entries: dict[str, Entry] = {}
        problems: list[BadScheduleError] = []
        for schedule in schedules:
            entry = before.get(schedule.schedule_id)
            if entry is None or entry.schedule != schedule:
                try:
                    entry = self._add(source, schedule, now)
                except CronValueError as error:
                    problems.append(_problem(source, schedule, error))
                    continue
            if entry is not None:
                entries[schedule.schedule_id] = entry
        for entry in before.values():
            if entries.get(entry.schedule.schedule_id) is not entry:
                entry.is_current = False
        self._known[source] = entries
        return problems

    def take_due(self, now: datetime) -> Iterator[Entry]:
        """What is due, earliest first; cron lines and intervals are entered for their next tick.

        Ticks that were missed, because nobody looked, count as one.
        """
        while (first := self.first_tick) is not None and first <= now:
            _, _, entry = heapq.heappop(self._heap)
            yield Entry(entry.source, entry.schedule, entry.tick)
            following = next_tick(entry.schedule, now) if entry.is_repeated else None
            if following is not None:
                entry.tick = following
                self._push(entry)

    def _add(self, source: ScheduleSource, schedule: ScheduledTask, now: datetime) -> Entry | None:
        tick = next_tick(schedule, now)
        if tick is None:
            return None
        entry = Entry(source, schedule, tick)
        self._push(entry)
        return entry

    def _push(self, entry: Entry) -> None:
        heapq.heappush(self._heap, (entry.tick, next(self._numbers), entry))


def _problem(
    source: ScheduleSource, schedule: ScheduledTask, error: CronValueError
) -> BadScheduleError:
    return BadScheduleError(
        schedule_id=schedule.schedule_id,
        task_name=schedule.task_name,
        source=type(source).__name__,
        reason=str(error),
    )
