"""Messages on their way to a worker."""

import json
from dataclasses import dataclass, field
from typing import Final

from taskiq_sqlite.codec import FetchedMessage, read_messages
from taskiq_sqlite.transaction import Topic, Transaction, each

PROMOTIONS: Final = 1_000
"""Delayed messages that one fetch makes wait in line."""
EXPIRIES: Final = 100
"""Expired messages that one fetch takes out."""
FETCH_BYTES: Final = 32 * 1024 * 1024
"""Bytes of messages that one fetch returns; at least one message, whatever its size."""

HIGHEST_FENCE: Final = 2**52
"""No queue makes so many deliveries."""

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
# Numbers come before texts and bytes, which can't be points in time.
NEXT_DUE: Final = "SELECT min(due) FROM messages WHERE state = 1 AND due < ''"
NEXT_EXPIRY: Final = """
SELECT min(expires) FROM messages
WHERE expires > 0 AND expires < '' AND expires IS NOT NULL AND state < 2
"""
# What can't be read does not expire: it is fetched, to be buried for it.
NEVER_EXPIRE: Final = """
UPDATE messages SET state = 0, expires = NULL, fence = NULL, lease_until = NULL
WHERE id IN (SELECT value FROM json_each(?))
"""
LAST_FENCE: Final = "SELECT value FROM fence WHERE typeof(value) = 'integer'"
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
    taken = _take(transaction, ids, lease=lease, counts=False)
    unreadable = [message.message_id for message in taken if message.unreadable is not None]
    if unreadable:
        transaction.execute(NEVER_EXPIRE, (json.dumps(unreadable),))
        transaction.wake(Topic.MESSAGES)
    return [message for message in taken if message.unreadable is None]


def _take(
    transaction: Transaction, ids: list[int], *, lease: float, counts: bool
) -> list[FetchedMessage]:
    if not ids:
        return []
    first = _next_fence(transaction, len(ids))
    until = transaction.now + lease
    transaction.execute(TAKE, (int(counts), first, until, json.dumps(ids)))
    return read_messages(transaction, ids)


def _next_fence(transaction: Transaction, count: int) -> int:
    """The first of so many new fences."""
    transaction.execute("UPDATE fence SET value = value + ?", (count,))
    last = transaction.value(LAST_FENCE)
    if last is None or not count <= last < HIGHEST_FENCE:
        # Somebody wrote it: begin again with what it can't have reached.
        last = int(transaction.now * 1_000) + count
        transaction.execute("DELETE FROM fence")
        transaction.execute("INSERT INTO fence VALUES (?)", (last,))
    return int(last) - count + 1


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
