"""The content of a broker's queue for operators: counts, and dead letters."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The number of messages in each state; None where a server can't tell.

    Attributes:
        waiting: messages that could be delivered now.
        delivered: messages that workers hold.
        delayed: messages that wait for their time.
        dead: messages that were buried.
        oldest_age: seconds that the oldest waiting message has waited; None if there is no such
            message, or the store does not know.
        is_paused: whether the queue hands out nothing at the moment.
    """

    waiting: int | None
    delivered: int | None
    delayed: int | None
    dead: int | None
    oldest_age: float | None = None
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was buried.

    Attributes:
        letter_id: by which its broker knows it; one message may be buried more than once.
        task_id: which task it was, as its sender said beside the bytes.
        task_name: likewise.
        message: its bytes.
        attempt: how often it had been delivered.
        reason: why it was buried.
        error: its last exception, as type and message; None if there was none.
        buried_at: when, in UTC.
    """

    letter_id: str
    task_id: str
    task_name: str
    message: bytes
    attempt: int
    reason: str
    error: str | None
    buried_at: datetime
