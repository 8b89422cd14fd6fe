"""Messages on their way into the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.brokers.queue_labels import NO_LABELS, QueueLabels, queue_labels
from taskiq_core.exceptions import TaskiqError
from taskiq_core.messages.message import BrokerMessage
from taskiq_sqlite.codec import shown
from taskiq_sqlite.errors import DuplicateKeyError
from taskiq_sqlite.transaction import Topic, Transaction

_INSERT: Final = (
    "INSERT INTO messages (task_id, task_name, state, priority, due, expires, expires_after,"
    " unique_key, sent_at, body)"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message, and what its labels say about it.

    Attributes:
        wishes: what its labels ask for.
    """

    task_id: str
    task_name: str
    body: bytes
    wishes: QueueLabels = NO_LABELS


def new_message(message: BrokerMessage) -> NewMessage:
    """What to store of a message.

    Raises:
        SendTaskError: a label has no value that it can have.
    """
    return NewMessage(message.task_id, message.task_name, message.message, queue_labels(message))


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
            if any(message.wishes.unique_key is not None for message in group):
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
    wishes, after = message.wishes, message.wishes.expires_after
    return (
        message.task_id,
        message.task_name,
        1 if wishes.delay > 0 else 0,
        wishes.priority,
        now + wishes.delay,
        None if after is None else now + after,
        after,
        wishes.unique_key,
        now,
        message.body,
    )


def _first_duplicate(
    transaction: Transaction, group: Sequence[NewMessage]
) -> DuplicateKeyError | None:
    own: dict[str, str] = {}
    for message in group:
        key = message.wishes.unique_key
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
