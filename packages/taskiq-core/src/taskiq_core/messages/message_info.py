"""A message in a queue, as operators see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from taskiq_core.messages.queue_stats import DeadLetter


class MessageState(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    """It could be delivered now."""
    DELIVERED = "delivered"
    """A worker has it."""
    DELAYED = "delayed"
    """It waits for its time."""
    DEAD = "dead"
    """It was buried."""


@dataclass(frozen=True, slots=True)
class MessageInfo:
    """One message, without its body unless that was asked for.

    Attributes:
        key: where the message is in the order of its page; `after` of the next page.
        task_id: as the sender gave it.
        task_name: as the sender gave it.
        queue: the name of its queue.
        state: where it is.
        size: of its body, in bytes.
        attempt: deliveries so far.
        sent_at: when it was queued, in UTC; None where the store does not know.
        due_at: when a delayed message is due, in UTC.
        owner: the worker that has a delivered message; None if unknown.
        lease_until: when the lease of a delivered message runs out, in UTC.
        priority: of its label; 0 without one.
        unique_key: of its label.
        reason: why a dead message was buried.
        error: the last exception of a dead message, as type and text.
        body: the bytes of the message, where they were asked for.
    """

    key: str
    task_id: str
    task_name: str
    queue: str
    state: MessageState
    size: int
    attempt: int = 0
    sent_at: datetime | None = None
    due_at: datetime | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    priority: int = 0
    unique_key: str | None = None
    reason: str | None = None
    error: str | None = None
    body: bytes | None = None

    @classmethod
    def of_dead_letter(
        cls,
        letter: DeadLetter,
        *,
        key: str,
        queue: str,
        with_body: bool,
        priority: int = 0,
        unique_key: str | None = None,
    ) -> "MessageInfo":
        """Describe a dead letter.

        Args:
            letter: the letter.
            key: where it is in the order of its page.
            queue: the name of its queue.
            with_body: whether its bytes are asked for.
            priority: of its label; 0 without one.
            unique_key: of its label.
        """
        return cls(
            key=key,
            task_id=letter.task_id,
            task_name=letter.task_name,
            queue=queue,
            state=MessageState.DEAD,
            size=len(letter.message),
            attempt=letter.attempt,
            priority=priority,
            unique_key=unique_key,
            reason=letter.reason,
            error=letter.error,
            body=letter.message if with_body else None,
        )


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of one state, in the order in which the store keeps them.

    Attributes:
        messages: at most as many as were asked for. A page of a filter may be shorter than that,
            or empty, although more messages follow: the store looks through a bounded number.
        after: where the next page begins; None at the end.
    """

    messages: Sequence[MessageInfo]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages of a page are wanted; the default is all.

    Attributes:
        task_name: only messages of this task.
        task_id: only messages of this id; stores look it up by key where they can.
        unique_key: only the message with this unique key.
    """

    task_name: str | None = None
    task_id: str | None = None
    unique_key: str | None = None

    def accepts(self, message: MessageInfo) -> bool:
        """Return whether a message is wanted."""
        return (
            self.task_name in (None, message.task_name)
            and self.task_id in (None, message.task_id)
            and self.unique_key in (None, message.unique_key)
        )


ALL_MESSAGES = MessageFilter()
