"""Messages in the form in which the queue keeps them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from taskiq_core.brokers.queue_labels import NO_LABELS, QueueLabels, queue_labels
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage, is_unicode

WAITING: Final = 0
DELAYED: Final = 1
DELIVERED: Final = 2


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored.

    Attributes:
        task_id: as the sender gave it.
        task_name: as the sender gave it.
        body: the bytes of the message.
        queue: the queue that it goes to.
        labels: what it asks of the queue.
    """

    task_id: str
    task_name: str
    body: bytes
    queue: str
    labels: QueueLabels = NO_LABELS

    @property
    def is_plain(self) -> bool:
        """Whether it only waits in its queue."""
        labels = self.labels
        return (
            labels.delay <= 0
            and not labels.priority
            and labels.expires_after is None
            and labels.unique_key is None
        )


Group: TypeAlias = Sequence[NewMessage]
"""Messages of which all are stored, or none."""


def new_message(message: BrokerMessage, *, default_queue: str) -> NewMessage:
    """Return what is stored of a message.

    Args:
        message: to be stored.
        default_queue: name of the default queue.

    Raises:
        SendTaskError: a label has a value that it can't have, or a text has a character NUL.
    """
    labels = queue_labels(message)
    name = message.task_name
    for text in (message.task_id, name, labels.unique_key or ""):
        if "\0" in text or not is_unicode(text):  # one statement stores messages of many callers
            reason = (
                f"{text!r} has a character NUL or a lone surrogate, which PostgreSQL can't keep"
            )
            raise SendTaskError(task_name=name, reason=reason)
    return NewMessage(message.task_id, name, message.message, labels.queue or default_queue, labels)


def first_own_duplicate(group: Group) -> NewMessage | None:
    """Return the first message of a group whose unique key another one of the group has."""
    seen: set[tuple[str, str]] = set()
    for message in group:
        key = message.labels.unique_key
        if key is not None:
            if (message.queue, key) in seen:
                return message
            seen.add((message.queue, key))
    return None
