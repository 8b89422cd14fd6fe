"""Fetching: messages are leased to a worker, or returned to their places."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_sqlite.queue.codec import FetchedMessage, read_messages
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

PROMOTIONS: Final = 1_000
"""Delayed messages that one fetch makes wait."""
EXPIRIES: Final = 100
"""Expired messages that one call of `fetch_expired` leases."""
FETCH_BYTES: Final = 32 * 1024 * 1024
"""Bytes of messages that one fetch returns; at least one message, whatever its size."""
HIGHEST_FENCE: Final = 2**52
"""No queue makes so many deliveries."""

PROMOTE: Final = """
UPDATE messages SET state = 0 WHERE id IN
    (SELECT id FROM messages WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?)
"""
# Ordered as `messages_waiting` is.
PICK: Final = """
SELECT json_group_array(json_array(id, size)) FROM
    (SELECT id, length(body) AS size FROM messages
     WHERE state = 0 AND (expires IS NULL OR expires > ? OR aborted > 0)
     ORDER BY aborted DESC, priority DESC, due, id LIMIT ?)
"""
PICK_EXPIRED: Final = """
SELECT json_group_array(json_array(id, size)) FROM
    (SELECT id, length(body) AS size FROM messages
     WHERE expires <= ? AND state < 2 AND aborted = 0 LIMIT ?)
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
LAST_FENCE: Final = "SELECT value FROM fence WHERE typeof(value) = 'integer'"
GIVE_BACK: Final = """
UPDATE messages SET state = 0, attempt = attempt - ?, fence = NULL, lease_until = NULL,
    aborted = min(aborted, 1)
WHERE id = ? AND fence = ?
"""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What a worker asks for.

    Attributes:
        limit: messages at most.
        lease: seconds until the queue takes them back.
    """

    limit: int
    lease: float


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """What one fetch brought.

    Attributes:
        messages: in the order in which they are to be run.
        expired: messages to be refused; their deliveries are not counted as attempts.
        wait: seconds until more may be due without anything being sent; None if nothing is to come.
    """

    messages: Sequence[FetchedMessage] = ()
    expired: Sequence[FetchedMessage] = ()
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Unstarted:
    """Deliveries that nothing was done with.

    Attributes:
        messages: their tokens.
        expired: tokens of expired messages.
    """

    messages: Sequence[LeaseToken[int]]
    expired: Sequence[LeaseToken[int]]


@each
def fetch(transaction: Transaction, request: FetchRequest) -> FetchedBatch:
    """Lease the next messages; expired ones only where the others leave slots free."""
    now = transaction.now
    transaction.execute(PROMOTE, (now, PROMOTIONS))
    picked = json.loads(transaction.value(PICK, (now, request.limit)))
    messages = _take(transaction, picked, lease=request.lease, counts=True)
    if len(picked) == request.limit:
        return FetchedBatch(messages)
    expired = _take_expired(transaction, request.limit - len(picked), request.lease)
    if messages or expired:
        return FetchedBatch(messages, expired)
    return FetchedBatch(wait=_seconds_until_next(transaction))


@each
def fetch_expired(transaction: Transaction, lease: float) -> FetchedBatch:
    """Lease some expired messages only."""
    return FetchedBatch(expired=_take_expired(transaction, EXPIRIES, lease))


@each
def give_back(transaction: Transaction, fetched: FetchedBatch | Unstarted) -> None:
    """Undo a fetch: its deliveries are not counted as attempts."""
    for message in fetched.messages:
        transaction.execute(GIVE_BACK, (1, message.message_id, message.fence))
    for message in fetched.expired:
        transaction.execute(GIVE_BACK, (0, message.message_id, message.fence))
    transaction.notify(Topic.MESSAGES)


def _take_expired(transaction: Transaction, limit: int, lease: float) -> list[FetchedMessage]:
    picked = json.loads(transaction.value(PICK_EXPIRED, (transaction.now, limit)))
    return _take(transaction, picked, lease=lease, counts=False)


def _take(
    transaction: Transaction, picked: Sequence[Sequence[int]], *, lease: float, counts: bool
) -> list[FetchedMessage]:
    """Lease messages of which ids and sizes are given, as many as one fetch may return."""
    if not picked:
        return []
    ids = _as_many_as_fit(picked)
    first = _next_fence(transaction, len(ids))
    until = transaction.now + lease
    transaction.execute(TAKE, (int(counts), first, until, json.dumps(ids)))
    return read_messages(transaction, ids)


def _next_fence(transaction: Transaction, count: int) -> int:
    """Return the first of `count` new fences."""
    transaction.execute("UPDATE fence SET value = value + ?", (count,))
    last = transaction.value(LAST_FENCE)
    if last is None or not count <= last < HIGHEST_FENCE:
        # Another program wrote it: begin again with a number that it can't have reached.
        last = int(transaction.now * 1_000) + count
        transaction.execute("DELETE FROM fence")
        transaction.execute("INSERT INTO fence VALUES (?)", (last,))
    return int(last) - count + 1


def _as_many_as_fit(picked: Sequence[Sequence[int]]) -> list[int]:
    ids: list[int] = []
    remaining = FETCH_BYTES
    for message_id, size in picked:
        remaining -= size
        if ids and remaining < 0:
            break
        ids.append(message_id)
    return ids


def _seconds_until_next(transaction: Transaction) -> float | None:
    times = (transaction.value(NEXT_DUE), transaction.value(NEXT_EXPIRY))
    nearest = min((time for time in times if time is not None), default=None)
    return None if nearest is None else max(nearest - transaction.now, 0.0)
