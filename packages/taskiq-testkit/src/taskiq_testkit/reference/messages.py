"""What the reference broker's store keeps of a message, and what is sent."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

DEFAULT: Final = "default"
"""The queue of messages that name none."""
LATER_THAN_ALL: Final = float("inf")


@dataclass(slots=True)
class Message:
    """One message in the store.

    Attributes:
        number: by which the store knows it.
        due: when it may be delivered; seconds of a clock that only grows.
        expires_after: seconds after which it must not be delivered any more.
        expires: when that is.
        attempt: how often it was delivered.
        unsettled: how many of these deliveries ended without being settled.
        fence: which delivery it is with, while it is with a worker; else None.
        lease_until: when that delivery's lease runs out.
        aborted: whether its abort was asked for.
        queue: the name of its queue.
        sent_at: when it was queued.
        owner: the worker that has it, or had it last.
        expired: on what `fetch` returns: whether it is delivered only to be refused.
    """

    number: int
    task_id: str
    task_name: str
    body: bytes
    due: float
    priority: int = 0
    expires_after: float | None = None
    expires: float = LATER_THAN_ALL
    unique_key: str | None = None
    attempt: int = 0
    unsettled: int = 0
    fence: int | None = None
    lease_until: float = LATER_THAN_ALL
    aborted: bool = False
    queue: str = DEFAULT
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    owner: str = ""
    expired: bool = False


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is sent; durations are in seconds."""

    task_id: str
    task_name: str
    body: bytes
    delay: float = 0.0
    priority: int = 0
    expires_after: float | None = None
    unique_key: str | None = None
    queue: str | None = None
