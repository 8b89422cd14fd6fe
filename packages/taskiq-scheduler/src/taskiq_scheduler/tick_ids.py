"""Ids of ticks, the same for every scheduler that sends one."""

from copy import copy
from datetime import datetime
from hashlib import blake2b

from taskiq_core.messages.scheduled_task import ScheduledTask


def tick_id(schedule: ScheduledTask, tick: datetime) -> str:
    """Return the id of a tick, made of its schedule's id and its moment."""
    # A digest, as the store of messages may want ids of one length; uuid5 takes four times as long.
    name = f"{schedule.schedule_id} {tick.timestamp():f}".encode(errors="surrogatepass")
    return blake2b(name, digest_size=16).hexdigest()


def with_tick_id(schedule: ScheduledTask, tick: datetime) -> ScheduledTask:
    """Return the schedule with the task id of a tick, or as it is if it has a task id."""
    if schedule.task_id is not None:
        return schedule
    sent = copy(schedule)
    sent.task_id = tick_id(schedule, tick)
    return sent
