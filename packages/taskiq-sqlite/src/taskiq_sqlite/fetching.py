"""Messages on their way to a worker."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from taskiq_sqlite.transaction import Topic, Transaction, each

PROMOTIONS: Final = 1_000
"""Delayed messages that one fetch makes wait in line."""
EXPIRIES: Final = 100
"""Expired messages that one fetch takes out."""
FETCH_BYTES: Final = 32 * 1024 * 1024
"""Bytes of messages that one fetch returns; at least one message, whatever its size."""

PROMOTE: Final = """
UPDATE messages SET state = 0 WHERE id IN
    (SELECT id FROM messages WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?)
"""
PICK_EXPIRED: Final = """
SELECT json_group_array(id) FROM
    (SELECT id FROM messages WHERE expires <= ? AND state < 2 AND aborted = 0 LIMIT ?)
"""
# Ordered as `messages_waiting` is. Expired ones are left to the next fetch, if there were many.
PICK: Final = """
SELECT json_group_array(json_array(id, size)) FROM
    (SELECT id, length(body) AS size FROM messages
     WHERE state = 0 AND (expires IS NULL OR expires > ? OR aborted > 0)
     ORDER BY aborted DESC, priority DESC, due, id LIMIT ?)
"""
TAKE: Final = """
UPDATE messages SET state = 2, attempt = attempt + ?, fence = ? + held.key, lease_until = ?,
    aborted = CASE aborted WHEN 0 THEN 0 ELSE 2 END
FROM json_each(?) AS held WHERE messages.id = held.value
"""
# One row for all of them: each row would give up the interpreter's lock and wait for it again.
READ: Final = """
SELECT json_group_array(json_array(messages.id, fence, task_id, task_name, attempt, unsettled,
                                   aborted, expires_after, hex(body)))
FROM json_each(?) AS held JOIN messages ON messages.id = held.value
"""
NEXT_DUE: Final = "SELECT min(due) FROM messages WHERE state = 1"
NEXT_EXPIRY: Final = """
SELECT min(expires) FROM messages WHERE expires > 0 AND expires IS NOT NULL AND state < 2
"""
GIVE_BACK: Final = """
UPDATE messages SET state = 0, attempt = attempt - ?, fence = NULL, lease_until = NULL,
    aborted = min(aborted, 1)
WHERE id = ? AND fence = ?
"""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What a worker has room for.

    Attributes:
        limit: messages at most.
        lease: seconds that it gets them for.
    """

    limit: int
    lease: float


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """A message that now is with a worker; `Delivery` explains the rest.

    Attributes:
        message_id: together with the fence, which delivery of which message it is.
        aborted: 0 if no abort was asked for.
    """

    message_id: int
    fence: int
    task_id: str
    task_name: str
    attempt: int
    unsettled: int
    aborted: int
    expires_after: float | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought.

    Attributes:
        messages: to be delivered, in this order.
        expired: not to be delivered.
        wait: seconds until there may be more without anybody sending; None if nothing is to come.
    """

    messages: list[FetchedMessage] = field(default_factory=list)
    expired: list[FetchedMessage] = field(default_factory=list)
    wait: float | None = None


@each
def fetch(transaction: Transaction, request: FetchRequest) -> Fetched:
    """Lease the next messages, those of higher priority first, and take out the expired."""
    now = transaction.now
    transaction.execute(PROMOTE, (now, PROMOTIONS))
    expired = _take_expired(transaction, request.lease)
    picked = json.loads(transaction.value(PICK, (now, request.limit)))
    messages = _take(transaction, _as_many_as_fit(picked), lease=request.lease, counts=True)
    if messages or expired:
        return Fetched(messages, expired)
    return Fetched(wait=_seconds_until_next(transaction))


@each
def take_expired(transaction: Transaction, lease: float) -> Fetched:
    """Take out expired messages only."""
    return Fetched(expired=_take_expired(transaction, lease))


@each
def give_back(transaction: Transaction, fetched: Fetched) -> None:
    """Undo a fetch that nobody has seen: it was no delivery."""
    for message in fetched.messages:
        transaction.execute(GIVE_BACK, (1, message.message_id, message.fence))
    for message in fetched.expired:
        transaction.execute(GIVE_BACK, (0, message.message_id, message.fence))
    transaction.wake(Topic.MESSAGES)


def _take_expired(transaction: Transaction, lease: float) -> list[FetchedMessage]:
    ids = json.loads(transaction.value(PICK_EXPIRED, (transaction.now, EXPIRIES)))
    return _take(transaction, ids, lease=lease, counts=False)


def _take(
    transaction: Transaction, ids: list[int], *, lease: float, counts: bool
) -> list[FetchedMessage]:
    if not ids:
        return []
    transaction.execute("UPDATE fence SET value = value + ?", (len(ids),))
    first = transaction.value("SELECT value FROM fence") - len(ids) + 1
    held = json.dumps(ids)
    until = transaction.now + lease
    transaction.execute(TAKE, (int(counts), first, until, held))
    rows = json.loads(transaction.value(READ, (held,)))
    return sorted((_message(row) for row in rows), key=lambda message: message.fence)


def _message(row: list[Any]) -> FetchedMessage:
    row[-1] = bytes.fromhex(row[-1])
    return FetchedMessage(*row)


def _as_many_as_fit(picked: list[list[int]]) -> list[int]:
    ids: list[int] = []
    room = FETCH_BYTES
    for message_id, size in picked:
        room -= size
        if ids and room < 0:
            break
        ids.append(message_id)
    return ids


def _seconds_until_next(transaction: Transaction) -> float | None:
    times = (transaction.value(NEXT_DUE), transaction.value(NEXT_EXPIRY))
    nearest = min((time for time in times if time is not None), default=None)
    return None if nearest is None else max(nearest - transaction.now, 0.0)
