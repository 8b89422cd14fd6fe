"""Snapshot: queues, workers and rates of a broker at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from taskiq_cli.commands.queue import all_stats
from taskiq_cli.commands.queue_option import has
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.messages.queue_stats import QueueStats
    from taskiq_core.messages.task_rates import TaskRates
    from taskiq_core.messages.worker_record import WorkerRecord


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a broker says at one moment; None for what it can't say.

    Attributes:
        at: the moment, in UTC.
        queues: the counts of each queue.
        workers: of all machines.
        rates: of each task, in the last minutes.
    """

    at: datetime
    queues: "Mapping[str, QueueStats] | None"
    workers: "Sequence[WorkerRecord] | None"
    rates: "Sequence[TaskRates] | None"


async def take_snapshot(broker: "AsyncBroker", *, minutes: float) -> Snapshot:
    """Ask a broker for all that it can say.

    Args:
        broker: is started.
        minutes: how far back rates go.

    Raises:
        CapabilityError: it can't say anything.
    """
    from taskiq_core.messages.task_rates import task_rates

    now = datetime.now(UTC)
    has_workers = has(broker, Capability.PRESENCE)
    queues = rates = None
    try:
        queues = await all_stats(broker)
    except CapabilityError:
        if not has_workers:
            raise
    if has(broker, Capability.HISTORY):
        counters = await broker.minute_counters(since=now - timedelta(minutes=minutes))
        rates = task_rates(counters, minutes=minutes)
    return Snapshot(now, queues, await broker.workers() if has_workers else None, rates)
