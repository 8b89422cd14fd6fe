"""What a delivery that has ended adds to the history: a record, and counts of its minute."""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

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
_LATEST: Final = 2e10  # the year 2603; pydantic takes larger numbers for milliseconds
# One of each is made for each message: validating a dict is faster than calling the class.
_make_record: Callable[[dict[str, Any]], DeliveryRecord]
_make_record = DeliveryRecord.__pydantic_validator__.validate_python


class EndedDelivery(NamedTuple):
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
        message, now, error = run.message, time.time(), run.error
        labels: dict[str, Any] = {} if message is None else message.labels
        # By position, and without a call for what is not there: this runs once for each message.
        return cls(
            message.task_id if message is not None else delivery.task_id or "",
            message.task_name if message is not None else "",
            str(labels.get(QUEUE_NAME) or ""),
            attempt_number(delivery, run),
            end_of(delivery, run, outcome),
            error is not None and has_failed(run),
            None if error is None else _error_text(error),
            _trace_id(labels[TRACE_PARENT]) if TRACE_PARENT in labels else None,
            _seconds(labels[SENT_AT]) if SENT_AT in labels else None,
            (_seconds(labels[DELAY]) or 0.0) if DELAY in labels else 0.0,
            now - (time.monotonic() - run.started),
            now,
        )

    def record(self, *, worker_id: str, default_queue: str) -> DeliveryRecord:
        """Return what the history keeps of it.

        Args:
            worker_id: the worker that had it.
            default_queue: of messages without the label.
        """
        return _make_record(
            {
                "task_id": self.task_id,
                "task_name": self.task_name,
                "queue": self.queue or default_queue,
                "worker_id": worker_id,
                "attempt": self.attempt,
                "end": self.end,
                "sent_at": self.sent,
                "started_at": self.started,
                "ended_at": self.ended,
                "error": self.error,
                "trace_id": self.trace_id,
            }
        )


class _Tally:
    """Counters of one task and minute, as plain numbers: they change with each delivery."""

    __slots__ = ("ends", "failed_dead", "ran", "ran_sum", "started", "waited", "waited_sum")

    def __init__(self) -> None:
        self.started = 0
        self.ends: dict[DeliveryEnd, int] = {}
        self.failed_dead = 0
        self.waited = [0] * (len(BUCKETS) + 1)
        self.ran = [0] * (len(BUCKETS) + 1)
        self.waited_sum = 0.0
        self.ran_sum = 0.0

    def add(self, more: "_Tally") -> None:
        """Add the numbers of another tally of the same task and minute."""
        self.started += more.started
        self.failed_dead += more.failed_dead
        for end, count in more.ends.items():
            self.ends[end] = self.ends.get(end, 0) + count
        self.waited = [one + other for one, other in zip(self.waited, more.waited, strict=True)]
        self.ran = [one + other for one, other in zip(self.ran, more.ran, strict=True)]
        self.waited_sum += more.waited_sum
        self.ran_sum += more.ran_sum

    def counters(self, minute: float, task_name: str) -> MinuteCounters:
        """Return what the history keeps of it."""
        return MinuteCounters(
            minute=_moment(minute * 60),
            task_name=task_name,
            started=self.started,
            succeeded=self.ends.get(DeliveryEnd.SUCCEEDED, 0),
            failed=self.ends.get(DeliveryEnd.FAILED, 0) + self.failed_dead,
            retried=self.ends.get(DeliveryEnd.RETRIED, 0),
            dead=self.ends.get(DeliveryEnd.DEAD, 0),
            waited=self.waited,
            ran=self.ran,
            waited_sum=self.waited_sum,
            ran_sum=self.ran_sum,
        )


class MinuteTable:
    """Counters by minute and task; deliveries of a message that can't be read are not counted."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[float, str], _Tally] = {}

    def __len__(self) -> int:
        return len(self._tallies)

    def count(self, ended: EndedDelivery) -> None:
        """Add a delivery: its start to the minute of the start, its end to that of the end."""
        _, name, _, attempt, end, has_failed, _, _, sent, delay, started, ended_at = ended
        if not name:
            return
        first_minute, last_minute = started // 60, ended_at // 60
        first = last = self._tallies.get((last_minute, name)) or self._new(last_minute, name)
        if first_minute != last_minute:
            first = self._tallies.get((first_minute, name)) or self._new(first_minute, name)
        first.started += 1
        if sent is not None and attempt == 1:
            # Clocks of two machines differ a little.
            waited = max(0.0, started - sent - delay)
            first.waited[bisect_left(BUCKETS, waited)] += 1
            first.waited_sum += waited
        last.ends[end] = last.ends.get(end, 0) + 1
        if end is DeliveryEnd.DEAD and has_failed:
            last.failed_dead += 1
        ran = ended_at - started
        last.ran[bisect_left(BUCKETS, ran)] += 1
        last.ran_sum += ran

    def counters(self) -> Sequence[MinuteCounters]:
        """Return all counters."""
        return [tally.counters(*key) for key, tally in self._tallies.items()]

    def add(self, other: "MinuteTable") -> None:
        """Add the counters of another table."""
        for key, more in other._tallies.items():
            mine = self._tallies.setdefault(key, more)
            if mine is not more:
                mine.add(more)

    def keep_latest(self, limit: int) -> None:
        """Drop the counters of the earliest minutes, until so many are left."""
        for key in sorted(self._tallies)[: max(0, len(self) - limit)]:
            del self._tallies[key]

    def _new(self, minute: float, task_name: str) -> _Tally:
        tally = self._tallies[minute, task_name] = _Tally()
        return tally


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(label: Any) -> float | None:
    try:
        seconds = None if label is None else float(label)
    except (TypeError, ValueError):  # labels come from anywhere
        return None
    return seconds if seconds is not None and 0 <= seconds < _LATEST else None


def _error_text(error: BaseException) -> str | None:
    if isinstance(error, NoResultError):
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
