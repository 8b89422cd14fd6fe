"""Enqueueing: messages become rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from taskiq_core.brokers.queue_labels import NO_LABELS, QueueLabels, queue_labels
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_core.messages.message import BrokerMessage
from taskiq_sqlite.queue.states import DEFAULT, DELAYED, WAITING, state_in
from taskiq_sqlite.storage.columns import shown
from taskiq_sqlite.storage.transaction import Topic, Transaction

_INSERT: Final = (
    "INSERT INTO messages (task_id, task_name, queue, state, priority, due, expires, expires_after,"
    " unique_key, sent_at, body)"
)
_QUEUE_AND_STATE: Final = itemgetter(2, 3)
ADD_QUEUE: Final = "INSERT INTO queues (name) VALUES (?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored.

    Attributes:
        task_id: as the sender gave it.
        task_name: as the sender gave it.
        body: the bytes of the message.
        queue: the queue that it goes to, as it is stored.
        labels: what it asks of the queue.
    """

    task_id: str
    task_name: str
    body: bytes
    queue: str = DEFAULT
    labels: QueueLabels = NO_LABELS


def new_message(message: BrokerMessage, *, default_queue: str) -> NewMessage:
    """Return what is stored of a message.

    Args:
        message: to be stored.
        default_queue: name of the default queue.

    Raises:
        SendTaskError: a label has a value that it can't have.
    """
    labels = queue_labels(message)
    queue = DEFAULT if labels.queue in (None, default_queue) else labels.queue
    return NewMessage(message.task_id, message.task_name, message.message, queue, labels)


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
        _count(transaction, rows)
        transaction.notify(Topic.MESSAGES)
        rows.clear()


def _count(transaction: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    if len(rows) == 1:
        counts = {_QUEUE_AND_STATE(rows[0]): 1}
    else:
        counts = Counter(map(_QUEUE_AND_STATE, rows))
    for (queue, state), count in counts.items():
        if queue != DEFAULT:
            transaction.execute(ADD_QUEUE, (queue,))
        is_delayed = state == state_in(queue, DELAYED)
        transaction.count(queue, total=count, delayed=count if is_delayed else 0)


def _row(message: NewMessage, now: float) -> tuple[Any, ...]:
    labels, after = message.labels, message.labels.expires_after
    return (
        message.task_id,
        message.task_name,
        message.queue,
        state_in(message.queue, DELAYED if labels.delay > 0 else WAITING),
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
