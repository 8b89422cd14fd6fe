"""One tick of one schedule on its way: under which id, and how far it has come."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.messages.scheduled_task import ScheduledTask


@dataclass(eq=False, slots=True)
class Sending:
    """A tick that is to be sent.

    Attributes:
        is_abandoned: whether another scheduler had claimed it, and may have sent it before it died.
        claim_ends: when this scheduler's claim runs out, on its monotonic clock; None without one.
        is_sent: whether the task was sent, so that only the source has to be told.
    """

    source: ScheduleSource
    schedule: ScheduledTask
    tick: datetime
    is_abandoned: bool = False
    claim_ends: float | None = None
    is_sent: bool = False

    @property
    def name(self) -> str:
        """For the log."""
        return f"{self.schedule.task_name} (schedule {self.schedule.schedule_id})"


def tick_id(schedule: ScheduledTask, tick: datetime) -> str:
    """An id that is the same for every scheduler that sends this tick."""
    # A digest, as the store of messages may want ids of one length; uuid5 takes four times as long.
    name = f"{schedule.schedule_id} {tick.timestamp():f}".encode(errors="surrogatepass")
    return blake2b(name, digest_size=16).hexdigest()


def with_tick_id(schedule: ScheduledTask, tick: datetime) -> ScheduledTask:
    """The schedule with the task id of this tick, unless it says one itself."""
    if schedule.task_id is not None:
        return schedule
    sent = copy(schedule)
    sent.task_id = tick_id(schedule, tick)
    return sent
