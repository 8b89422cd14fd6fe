"""Enqueueing: messages become rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.brokers.queue_labels import NO_LABELS, QueueLabels, queue_labels
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_core.messages.message import BrokerMessage
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Topic, Transaction

_INSERT: Final = (
    "INSERT INTO messages (task_id, task_name, state, priority, due, expires, expires_after,"
    " unique_key, sent_at, body)"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored.

    Attributes:
        task_id: as the sender gave it.
        task_name: as the sender gave it.
        body: the bytes of the message.
        labels: what it asks of the queue.
    """

    task_id: str
    task_name: str
    body: bytes
    labels: QueueLabels = NO_LABELS


def new_message(message: BrokerMessage) -> NewMessage:
    """Return what is stored of a message.

    Raises:
        SendTaskError: a label has a value that it can't have.
    """
    return NewMessage(message.task_id, message.task_name, message.message, queue_labels(message))


def enqueue(
    transaction: Transaction, groups: Sequence[Sequence[NewMessage]]
) -> Sequence[TaskiqError | None]:
    """Store messages; of each group, all or no message.

    Returns:
        For each group None, or the DuplicateKeyError of a key that another message has.
    """
    outcomes: list[TaskiqError | None] = []
    rows: list[tuple[Any, ...]] = []
    for group in groups:
        taken = _first_duplicate(transaction, group)
        outcomes.append(taken)
        if taken is None:
            rows += [_row(message, transaction.now) for message in group]
            if any(message.labels.unique_key is not None for message in group):
                # Now, so that the next group sees its keys.
                _insert(transaction, rows)
    _insert(transaction, rows)
    return outcomes


def _insert(transaction: Transaction, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        transaction.insert(_INSERT, rows)
        transaction.notify(Topic.MESSAGES)
        rows.clear()


def _row(message: NewMessage, now: float) -> tuple[Any, ...]:
    labels, after = message.labels, message.labels.expires_after
    return (
        message.task_id,
        message.task_name,
        1 if labels.delay > 0 else 0,
        labels.priority,
        now + labels.delay,
        None if after is None else now + after,
        after,
        labels.unique_key,
        now,
        message.body,
    )


def _first_duplicate(
    transaction: Transaction, group: Sequence[NewMessage]
) -> DuplicateKeyError | None:
    own: dict[str, str] = {}
    for message in group:
        key = message.labels.unique_key
        if key is None:
            continue
        holder = own.get(key) or transaction.value(
            "SELECT CAST(task_id AS BLOB) FROM messages WHERE unique_key = ?", (key,)
        )
        if holder is not None:
            holder = shown(holder) if isinstance(holder, bytes) else holder
            return DuplicateKeyError(task_name=message.task_name, unique_key=key, holder=holder)
        own[key] = message.task_id
    return None
