"""What happened: deliveries with their ends, and counters by task and minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds, in seconds, of the buckets of histograms; a last bucket has no bound."""


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """How much history a broker keeps.

    Attributes:
        max_deliveries: of each queue; the oldest are dropped first. A store may count all queues
            as one, or keep some hundred more, where that is cheaper.
        max_age: seconds that a delivery is kept.
        counters_age: seconds that the counters of a minute are kept.
    """

    max_deliveries: int = 10_000
    max_age: float = 86_400.0
    counters_age: float = 8 * 3_600.0

    def __post_init__(self) -> None:
        if self.max_deliveries < 1 or not self.max_age > 0 or not self.counters_age > 0:
            raise ValueError("history: counts and ages must be above 0")


class DeliveryEnd(StrEnum):
    """How a delivery ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIED = "retried"
    """It failed and is to be delivered again."""
    RELEASED = "released"
    """It was given back without an attempt having failed: requeued, or its worker stopped."""
    DEAD = "dead"
    """It was buried."""
    ABORTED = "aborted"
    EXPIRED = "expired"
    LOST = "lost"
    """Its lease ran out, and another worker has the message."""


class DeliveryRecord(BaseModel):
    """One delivery that has ended.

    Attributes:
        key: where it is in the order of the history, given by the store; `after` of the next page.
        task_id: of the message.
        task_name: of the message; empty for bytes that can't be read.
        queue: the queue that it came from.
        worker_id: the worker that had it.
        attempt: which delivery of the message it was, from 1.
        end: how it ended.
        sent_at: when the message was sent, in UTC; None where that is unknown.
        started_at: when the delivery came to the worker, in UTC.
        ended_at: when it was settled, in UTC.
        error: type and text of its exception, cut to some hundred characters.
        trace_id: of the trace that it is part of, where tracing is on.
    """

    key: str = ""
    task_id: str
    task_name: str
    queue: str = ""
    worker_id: str = ""
    attempt: int = 1
    end: DeliveryEnd
    sent_at: datetime | None = None
    started_at: datetime
    ended_at: datetime
    error: str | None = None
    trace_id: str | None = None


class MinuteCounters(BaseModel):
    """What happened to the deliveries of one task in one minute.

    Counters of several workers are added up.

    Attributes:
        minute: its beginning, in UTC.
        task_name: of the task.
        started: deliveries that came to a worker.
        succeeded: deliveries whose task returned.
        failed: deliveries whose task raised, and was not retried.
        retried: deliveries that failed and are to be delivered again.
        dead: deliveries that were buried.
        waited: seconds between sending and delivery: counts by `BUCKETS`.
        ran: seconds between delivery and end: counts by `BUCKETS`.
        waited_sum: of the seconds waited.
        ran_sum: of the seconds run.
    """

    minute: datetime
    task_name: str
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    waited: list[int] = Field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    ran: list[int] = Field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    waited_sum: float = 0.0
    ran_sum: float = 0.0

    def plus(self, other: "MinuteCounters") -> "MinuteCounters":
        """Return the sums of these counters and those of another worker, for the same minute."""
        return MinuteCounters(
            minute=self.minute,
            task_name=self.task_name,
            started=self.started + other.started,
            succeeded=self.succeeded + other.succeeded,
            failed=self.failed + other.failed,
            retried=self.retried + other.retried,
            dead=self.dead + other.dead,
            waited=[a + b for a, b in zip(self.waited, other.waited, strict=True)],
            ran=[a + b for a, b in zip(self.ran, other.ran, strict=True)],
            waited_sum=self.waited_sum + other.waited_sum,
            ran_sum=self.ran_sum + other.ran_sum,
        )


class HistoryPage(BaseModel):
    """Some deliveries, the latest first.

    Attributes:
        deliveries: at most as many as were asked for.
        after: where the next page begins; None at the end.
    """

    deliveries: Sequence[DeliveryRecord]
    after: str | None = None
