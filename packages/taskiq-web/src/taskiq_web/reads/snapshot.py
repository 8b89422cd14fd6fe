"""Snapshot: queues, workers and counters of a broker at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.history import MinuteCounters
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.messages.task_rates import TaskRates, task_rates
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_web.reads.broker_queues import MAX_QUEUES, has, queue_names, stats_of

MINUTES: Final = 5
"""How far back the rates of a snapshot go."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a broker says at one moment; None for what it can't say.

    Attributes:
        at: the moment, in UTC.
        queues: the counts of each queue.
        workers: of all machines.
        counters: of the last minutes, by task.
        missing: why something is None, by its name.
    """

    at: datetime
    queues: Mapping[str, QueueStats] | None = None
    workers: Sequence[WorkerRecord] | None = None
    counters: Sequence[MinuteCounters] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def rates(self) -> Sequence[TaskRates] | None:
        """The rates of each task in the last minutes."""
        return None if self.counters is None else task_rates(self.counters, minutes=MINUTES)

    @property
    def per_minute(self) -> float | None:
        """Deliveries that came to a worker in a minute."""
        rates = self.rates
        return None if rates is None else sum(each.per_minute for each in rates)


async def take_snapshot(broker: AsyncBroker) -> Snapshot:
    """Ask a broker for everything that it can say; the broker is started."""
    now = datetime.now(UTC)
    missing: dict[str, str] = {}
    queues = workers = counters = None
    try:
        names = await queue_names(broker)
        queues = await stats_of(broker, names[:MAX_QUEUES])
        if len(names) > MAX_QUEUES:
            missing["more_queues"] = f"{len(names) - MAX_QUEUES:,} further queues are not counted."
    except CapabilityError as error:
        missing["queues"] = str(error)
    if has(broker, Capability.PRESENCE):
        workers = await broker.workers()
    else:
        missing["workers"] = f"{type(broker).__name__} does not keep records of its workers."
    if has(broker, Capability.HISTORY):
        # Workers may keep it although the URL that the dashboard was given does not say so.
        counters = await broker.minute_counters(since=now - timedelta(minutes=MINUTES)) or None
    if counters is None:
        missing["counters"] = history_hint(broker)
    return Snapshot(now, queues, workers, counters, missing)


def history_hint(broker: AsyncBroker) -> str:
    """Return why history may be missing."""
    if not has(broker, Capability.HISTORY):
        return f"{type(broker).__name__} does not keep history."
    if broker.history is None:
        return (
            "No history is kept so far. Workers keep it if the option history of their broker is "
            "set, as in redis://localhost?history=10000."
        )
    return "No task has ended in this time."


def total(snapshot: Snapshot, state: str) -> int | None:
    """Return the number of messages in a state, in all queues; None if a queue can't tell."""
    if snapshot.queues is None:
        return None
    counts = [getattr(stats, state) for stats in snapshot.queues.values()]
    return None if None in counts else sum(counts)


def oldest_age(snapshot: Snapshot) -> float | None:
    """Return the seconds that the oldest waiting message of all queues has waited."""
    stats = (snapshot.queues or {}).values()
    return max((each.oldest_age for each in stats if each.oldest_age is not None), default=None)
