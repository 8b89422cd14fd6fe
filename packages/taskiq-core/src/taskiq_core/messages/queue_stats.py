"""The content of a broker's queue for operators: counts, and dead letters."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many messages there are, by where they are.

    Attributes:
        waiting: they could be delivered now.
        delivered: they are in the hands of workers.
        delayed: they wait for their time.
        dead: they were buried.
    """

    waiting: int
    delivered: int
    delayed: int
    dead: int


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
