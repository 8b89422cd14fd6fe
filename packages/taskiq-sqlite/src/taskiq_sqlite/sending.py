"""Messages on their way into the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.exceptions import SendTaskError, TaskiqError
from taskiq_core.labels import DELAY, EXPIRES, PRIORITY, UNIQUE_KEY
from taskiq_core.message import BrokerMessage
from taskiq_sqlite.errors import DuplicateKeyError
from taskiq_sqlite.transaction import Topic, Transaction

MAX_SECONDS: Final = 3e9
"""Longest delay and expiry, about a century: beyond it somebody has sent milliseconds."""
_MAX_PRIORITY: Final = 2**31

_INSERT: Final = (
    "INSERT INTO messages (task_id, task_name, state, priority, due, expires, expires_after,"
    " unique_key, sent_at, body)"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message, and what its labels say about it.

    Attributes:
        delay: seconds before it is due.
        expires_after: seconds after which it is too late to start it.
    """

    task_id: str
    task_name: str
    body: bytes
    priority: int = 0
    delay: float = 0.0
    expires_after: float | None = None
    unique_key: str | None = None


def new_message(message: BrokerMessage) -> NewMessage:
    """What to store of a message.

    Raises:
        SendTaskError: a label has no value that it can have.
    """
    labels = message.labels
    if not labels:
        return NewMessage(message.task_id, message.task_name, message.message)
    key = labels.get(UNIQUE_KEY)
    return NewMessage(
        message.task_id,
        message.task_name,
        message.message,
        priority=_priority(message.task_name, labels),
        delay=max(_seconds(message.task_name, labels, DELAY) or 0.0, 0.0),
        expires_after=_seconds(message.task_name, labels, EXPIRES),
        unique_key=None if key is None else str(key),
    )


def send(
    transaction: Transaction, groups: Sequence[Sequence[NewMessage]]
) -> Sequence[TaskiqError | None]:
    """Store messages; of a group, all or none.

    An error for a group is a DuplicateKeyError: another message has a unique key of its.
    """
    outcomes: list[TaskiqError | None] = []
    rows: list[tuple[Any, ...]] = []
    for group in groups:
        taken = _first_duplicate(transaction, group)
        outcomes.append(taken)
        if taken is None:
            rows += [_row(message, transaction.now) for message in group]
            if any(message.unique_key is not None for message in group):
                # At once, so that the next group sees its keys.
                _insert(transaction, rows)
    _insert(transaction, rows)
    return outcomes


def _insert(transaction: Transaction, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        transaction.insert(_INSERT, rows)
        transaction.wake(Topic.MESSAGES)
        rows.clear()


def _row(message: NewMessage, now: float) -> tuple[Any, ...]:
    after = message.expires_after
    return (
        message.task_id,
        message.task_name,
        1 if message.delay > 0 else 0,
        message.priority,
        now + message.delay,
        None if after is None else now + after,
        after,
        message.unique_key,
        now,
        message.body,
    )


def _first_duplicate(
    transaction: Transaction, group: Sequence[NewMessage]
) -> DuplicateKeyError | None:
    own: dict[str, str] = {}
    for message in group:
        key = message.unique_key
        if key is None:
            continue
        holder = own.get(key) or transaction.value(
            "SELECT task_id FROM messages WHERE unique_key = ?", (key,)
        )
        if holder is not None:
            return DuplicateKeyError(task_name=message.task_name, unique_key=key, holder=holder)
        own[key] = message.task_id
    return None


def _seconds(task_name: str, labels: Mapping[str, Any], name: str) -> float | None:
    value = labels.get(name)
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = MAX_SECONDS + 1
    if not seconds <= MAX_SECONDS:  # also true for NaN
        reason = f"its label {name!r} is {value!r}, which is no number of seconds"
        raise SendTaskError(task_name=task_name, reason=reason)
    return seconds


def _priority(task_name: str, labels: Mapping[str, Any]) -> int:
    value = labels.get(PRIORITY, 0)
    try:
        priority = int(value)
    except (TypeError, ValueError, OverflowError):
        priority = _MAX_PRIORITY
    if not -_MAX_PRIORITY < priority < _MAX_PRIORITY:
        reason = f"its label {PRIORITY!r} is {value!r}, which is no integer of 32 bits"
        raise SendTaskError(task_name=task_name, reason=reason)
    return priority
