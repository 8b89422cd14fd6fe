"""QueueLabels: the labels that the queue of a broker honours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.labels import DELAY, EXPIRES, PRIORITY, QUEUE_NAME, UNIQUE_KEY
from taskiq_core.messages.message import BrokerMessage

MAX_SECONDS: Final = 3e9
"""Longest delay and expiry, about a century: a longer one is probably in milliseconds."""
MAX_QUEUE_NAME: Final = 200
"""Characters of the name of a queue."""
_PRIORITIES: Final = 2**31


@dataclass(frozen=True, slots=True)
class QueueLabels:
    """The labels that queues honour, checked.

    Attributes:
        delay: seconds before it may be delivered.
        priority: higher ones first, of 32 bits.
        expires_after: seconds after which it is too late to start it; None for never.
        unique_key: a key that no other message may have at the same time.
        queue: the queue that it goes to; None for the default queue.
    """

    delay: float = 0.0
    priority: int = 0
    expires_after: float | None = None
    unique_key: str | None = None
    queue: str | None = None


NO_LABELS: Final = QueueLabels()


def queue_labels(message: BrokerMessage) -> QueueLabels:
    """Read and check the labels that concern the queue of a message.

    Raises:
        SendTaskError: a label has no value that it can have.
    """
    name, labels = message.task_name, message.labels
    if not labels:
        return NO_LABELS
    return QueueLabels(
        delay=max(_seconds(name, labels, DELAY) or 0.0, 0.0),
        priority=_priority(name, labels),
        expires_after=_seconds(name, labels, EXPIRES),
        unique_key=_key(name, labels),
        queue=_queue(name, labels),
    )


def _seconds(task_name: str, labels: Mapping[str, Any], name: str) -> float | None:
    value = labels.get(name)
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = MAX_SECONDS + 1
    if not -MAX_SECONDS <= seconds <= MAX_SECONDS:  # also true for NaN
        raise _wrong(task_name, name, value, "a number of seconds")
    return seconds


def _priority(task_name: str, labels: Mapping[str, Any]) -> int:
    value = labels.get(PRIORITY, 0)
    try:
        priority = int(value)
    except (TypeError, ValueError, OverflowError):
        priority = _PRIORITIES
    if not -_PRIORITIES < priority < _PRIORITIES:
        raise _wrong(task_name, PRIORITY, value, "an integer of 32 bits")
    return priority


def _key(task_name: str, labels: Mapping[str, Any]) -> str | None:
    value = labels.get(UNIQUE_KEY)
    if value is None:
        return None
    key = str(value)
    try:
        key.encode()
    except UnicodeEncodeError:
        raise _wrong(task_name, UNIQUE_KEY, value, "text in UTF-8") from None
    return key


def _queue(task_name: str, labels: Mapping[str, Any]) -> str | None:
    value = labels.get(QUEUE_NAME)
    if value is None:
        return None
    # Names are typed on command lines and are part of keys in stores.
    if isinstance(value, str) and 0 < len(value) <= MAX_QUEUE_NAME and value.isprintable():
        return value
    wanted = f"a name of 1 to {MAX_QUEUE_NAME} printable characters"
    raise _wrong(task_name, QUEUE_NAME, value, wanted)


def _wrong(task_name: str, label: str, value: Any, wanted: str) -> SendTaskError:
    reason = f"its label {label!r} is {value!r}, which is not {wanted}"
    return SendTaskError(task_name=task_name, reason=reason)
