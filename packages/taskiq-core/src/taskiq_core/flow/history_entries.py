"""What a delivery that has ended adds to the history: a record, and counts of its minute."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from taskiq_core.exceptions import NoResultError
from taskiq_core.flow.delivery_end import attempt_number, end_of, has_failed
from taskiq_core.flow.run_state import Run
from taskiq_core.flow.settle import describe
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import BUCKETS, DeliveryEnd, DeliveryRecord, MinuteCounters
from taskiq_core.messages.labels import DELAY, QUEUE_NAME, SENT_AT
from taskiq_core.messages.outcomes import Outcome

MAX_ERROR: Final = 300
"""Characters of an exception."""
TRACE_PARENT: Final = "traceparent"
"""Label: the trace of a message, in the form of the W3C's Trace Context."""
_TRACE_PARTS: Final = 4
_LATEST: Final = 1e11  # about the year 5000; `datetime` refuses later ones

_COUNTED_BY: Final = {
    DeliveryEnd.SUCCEEDED: "succeeded",
    DeliveryEnd.FAILED: "failed",
    DeliveryEnd.RETRIED: "retried",
    DeliveryEnd.DEAD: "dead",
}
_SUMS: Final = ("started", "succeeded", "failed", "retried", "dead", "waited_sum", "ran_sum")


@dataclass(slots=True)  # not frozen, which would make it slower: there is one for each message
class EndedDelivery:
    """A delivery that has ended, with moments in seconds since the epoch.

    Attributes:
        task_id: of the message; empty if unknown.
        task_name: of the message; empty if it can't be read.
        queue: the label that chose its queue; empty without one.
        attempt: which delivery of the message it was.
        end: how it ended.
        has_failed: whether the task raised an error.
        error: what it raised, as text.
        trace_id: of its trace.
        sent: when the message was sent; None if unknown.
        delay: seconds that the message was to wait.
        started: when the delivery came.
        ended: when it was settled.
    """

    task_id: str
    task_name: str
    queue: str
    attempt: int
    end: DeliveryEnd
    has_failed: bool
    error: str | None
    trace_id: str | None
    sent: float | None
    delay: float
    started: float
    ended: float

    @classmethod
    def of(cls, delivery: Delivery, run: Run, outcome: Outcome) -> "EndedDelivery":
        """Collect what is known of a delivery that was settled just now.

        Args:
            delivery: which was settled.
            run: what is known of it.
            outcome: what was decided.
        """
        message, now = run.message, time.time()
        labels: dict[str, Any] = {} if message is None else message.labels
        return cls(
            task_id=message.task_id if message is not None else delivery.task_id or "",
            task_name=message.task_name if message is not None else "",
            queue=str(labels.get(QUEUE_NAME) or ""),
            attempt=attempt_number(delivery, run),
            end=end_of(delivery, run, outcome),
            has_failed=has_failed(run),
            error=_error_text(run.error),
            trace_id=_trace_id(labels.get(TRACE_PARENT)),
            sent=_seconds(labels.get(SENT_AT)),
            delay=_seconds(labels.get(DELAY)) or 0.0,
            started=now - (time.monotonic() - run.started),
            ended=now,
        )

    def record(self, *, worker_id: str, default_queue: str) -> DeliveryRecord:
        """Return what the history keeps of it.

        Args:
            worker_id: the worker that had it.
            default_queue: of messages without the label.
        """
        return DeliveryRecord(
            task_id=self.task_id,
            task_name=self.task_name,
            queue=self.queue or default_queue,
            worker_id=worker_id,
            attempt=self.attempt,
            end=self.end,
            sent_at=None if self.sent is None else _moment(self.sent),
            started_at=_moment(self.started),
            ended_at=_moment(self.ended),
            error=self.error,
            trace_id=self.trace_id,
        )


class MinuteTable:
    """Counters by minute and task; deliveries of a message that can't be read are not counted."""

    def __init__(self) -> None:
        self._counters: dict[tuple[int, str], MinuteCounters] = {}

    def __len__(self) -> int:
        return len(self._counters)

    def count(self, ended: EndedDelivery) -> None:
        """Add a delivery: its start to the minute of the start, its end to that of the end."""
        if not ended.task_name:
            return
        first = self._of(ended.started, ended.task_name)
        first.started += 1
        if ended.sent is not None and ended.attempt == 1:
            # Clocks of two machines differ a little.
            waited = max(0.0, ended.started - ended.sent - ended.delay)
            first.waited[bisect_left(BUCKETS, waited)] += 1
            first.waited_sum += waited
        last = self._of(ended.ended, ended.task_name)
        if (field := _COUNTED_BY.get(ended.end)) is not None:
            setattr(last, field, getattr(last, field) + 1)
        if ended.end is DeliveryEnd.DEAD and ended.has_failed:
            last.failed += 1
        ran = ended.ended - ended.started
        last.ran[bisect_left(BUCKETS, ran)] += 1
        last.ran_sum += ran

    def counters(self) -> Sequence[MinuteCounters]:
        """Return all counters."""
        return list(self._counters.values())

    def add(self, other: "MinuteTable") -> None:
        """Add the counters of another table."""
        for key, more in other._counters.items():
            mine = self._counters.setdefault(key, more)
            if mine is not more:
                _add(mine, more)

    def keep_latest(self, limit: int) -> None:
        """Drop the counters of the earliest minutes, until so many are left."""
        for key in sorted(self._counters)[: max(0, len(self) - limit)]:
            del self._counters[key]

    def _of(self, moment: float, task_name: str) -> MinuteCounters:
        minute = int(moment // 60)
        counters = self._counters.get((minute, task_name))
        if counters is None:
            counters = MinuteCounters(minute=_moment(minute * 60), task_name=task_name)
            self._counters[minute, task_name] = counters
        return counters


def _add(total: MinuteCounters, more: MinuteCounters) -> None:
    for name in _SUMS:
        setattr(total, name, getattr(total, name) + getattr(more, name))
    total.waited = [one + other for one, other in zip(total.waited, more.waited, strict=True)]
    total.ran = [one + other for one, other in zip(total.ran, more.ran, strict=True)]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(label: Any) -> float | None:
    try:
        seconds = None if label is None else float(label)
    except (TypeError, ValueError):  # labels come from anywhere
        return None
    return seconds if seconds is not None and 0 <= seconds < _LATEST else None


def _error_text(error: BaseException | None) -> str | None:
    if error is None or isinstance(error, NoResultError):
        return None
    try:
        return describe(error)[:MAX_ERROR]
    except Exception:  # noqa: BLE001  # the text of an exception is a program's own code
        return type(error).__name__


def _trace_id(trace_parent: Any) -> str | None:
    """Return the id in `00-<trace id>-<span id>-<flags>`."""
    if not isinstance(trace_parent, str):
        return None
    parts = trace_parent.split("-")
    return parts[1] if len(parts) == _TRACE_PARTS else None
