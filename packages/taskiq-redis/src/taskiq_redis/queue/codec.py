"""Messages in the form in which the queue keeps them; pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, LeasedQueue
from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter

Leased: TypeAlias = Sequence[Any]
"""A leased message as the script `fetch` returns it: id, record, fence, attempt, unsettled,
failures, state, and the unreadable part of it if there is one."""
ABORTED: Final = 1
"""State of a leased message whose abort was asked for."""
EXPIRED: Final = 2
"""State of a leased message whose label `expires` is over."""
MAX_DIGITS: Final = 15
"""Of a number of attempts."""
MAX_PROBLEM: Final = 200
"""Bytes of an unreadable part that are quoted; the dead letter has all of it."""


class NewMessage(NamedTuple):
    """A message to be stored, with its labels for the queue.

    Attributes:
        record: the task's name, a line feed and the bytes.
        queue: the queue that it goes to; None for the default queue.
        delay: seconds before it may be delivered.
        extras: its other labels; the keys are those of the scripts.
    """

    task_id: str
    task_name: str
    record: bytes
    queue: str | None = None
    delay: float = 0.0
    extras: Mapping[str, Any] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it only waits in its queue."""
        return self.extras is None and self.delay <= 0


def new_message(message: BrokerMessage) -> NewMessage:
    """Return a message in the form in which it is stored.

    Raises:
        SendTaskError: a label has a value that it can't have, or the id or the name a line feed.
    """
    name = message.task_name
    if "\n" in name or "\n" in message.task_id:
        reason = f"its name or its id {message.task_id!r} has a line feed"
        raise SendTaskError(task_name=name, reason=reason)
    record = name.encode() + b"\n" + message.message
    if not message.labels:
        return NewMessage(message.task_id, name, record)
    labels = queue_labels(message)
    extras: dict[str, Any] = {}
    if labels.priority:
        extras["priority"] = labels.priority
    if labels.expires_after is not None:
        extras["expires_after"] = labels.expires_after
    if labels.unique_key is not None:
        extras["unique_key"] = labels.unique_key
    return NewMessage(message.task_id, name, record, labels.queue, labels.delay, extras or None)


def task_id_of(message_id: bytes) -> str:
    """Return the task's id of a message id."""
    return shown(message_id.partition(b"\n")[0])


def shown(found: bytes) -> str:
    """Decode bytes that should be text; other bytes are escaped."""
    return found.decode(errors="backslashreplace")


class StoredTask(NamedTuple):
    """The readable part of a message's record.

    Attributes:
        task_id: None if it is not text.
        body: the message's bytes; the whole record where the task's name can't be split off.
        unreadable: what can't be read; None if all can.
    """

    task_id: str | None
    task_name: str
    body: bytes
    unreadable: str | None = None


def stored_task(message_id: bytes, record: bytes, problem: bytes = b"") -> StoredTask:
    """Read the record of a message; never raises.

    Args:
        message_id: its id in the queue.
        record: the task's name, a line feed and the bytes.
        problem: what the script could not read of it.
    """
    name, line_feed, body = record.partition(b"\n")
    task_id: str | None = None
    try:
        task_id = message_id.partition(b"\n")[0].decode()
        task_name = name.decode()
    except UnicodeDecodeError:
        part = "id" if task_id is None else "name"
        reason = f"the {part} of its task is not UTF-8"
        return StoredTask(task_id, shown(name), body if line_feed else record, reason)
    if not line_feed:
        return StoredTask(task_id, "?", record, "its record has no name of a task")
    if problem:
        return StoredTask(task_id, task_name, body, shown(problem[:MAX_PROBLEM]))
    return StoredTask(task_id, task_name, body)


def delivery_of(leased: Leased, queue: LeasedQueue[bytes], lease: float) -> LeasedDelivery[bytes]:
    """Return the delivery of a leased message.

    Args:
        leased: from the reply of the script `fetch`.
        queue: settles the delivery.
        lease: seconds that the message is leased for.
    """
    message_id, record, fence, attempt, unsettled, failures, state, *problem = leased
    task = stored_task(message_id, record, *problem)
    return LeasedDelivery(
        task.body,
        queue=queue,
        token=LeaseToken(message_id, fence),
        task_id=task.task_id,
        attempt=attempt,
        unsettled=unsettled,
        failures=failures,
        lease=lease,
        aborted=state == ABORTED,
        expired=state == EXPIRED,
        unreadable=task.unreadable,
    )


def dead_letter(letter_id: bytes, fields: Sequence[bytes]) -> DeadLetter:
    """Return a letter of the stream of dead letters; one that can't be read as far as it can.

    Args:
        letter_id: begins with when it was buried.
        fields: names and values in turn.
    """
    known = dict(zip(fields[::2], fields[1::2], strict=True))
    record, message_id = known.get(b"message"), known.get(b"id")
    error = known.get(b"error")
    reason = shown(known.get(b"reason", b""))
    if record is None or message_id is None or not reason:
        reason = f"unreadable: a letter of the fields {', '.join(map(shown, known))}"
        record = repr(known).encode() if record is None else record
    task = stored_task(message_id or b"?", record)
    attempt = known.get(b"attempt", b"")
    return DeadLetter(
        letter_id=letter_id.decode(),
        task_id=task_id_of(message_id or b"?"),
        task_name=task.task_name,
        message=task.body,
        attempt=int(attempt) if attempt.isdigit() and len(attempt) <= MAX_DIGITS else 0,
        reason=reason,
        error=None if error is None else shown(error),
        buried_at=moment_of(int(letter_id.partition(b"-")[0])),
    )


def read_extras(fields: Sequence[bytes]) -> Mapping[str, Any]:
    """Return the labels in the fields of a dead letter; empty if they can't be read."""
    known = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        extras = json.loads(known.get(b"extras", b"{}"))
        priority, key = int(extras.get("priority", 0)), extras.get("unique_key")
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}
    return {"priority": priority, "unique_key": key if isinstance(key, str) else None}


def moment_of(milliseconds: float) -> datetime:
    """Return a stored point in time; the last one of all for a number that is not a time."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
