"""What becomes of deliveries: acknowledged, released, buried, renewed or reclaimed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from taskiq_core.exceptions import LeaseLostError, TaskiqError
from taskiq_sqlite.transaction import Topic, Transaction, each

RECLAIMS: Final = 1_000
"""Deliveries that one transaction reclaims."""

# The positions, in a list of deliveries, of those that are not any more what they were.
LOST: Final = """
SELECT json_group_array(held.key) FROM json_each(?) AS held
LEFT JOIN messages ON messages.id = json_extract(held.value, '$[0]')
WHERE messages.fence IS NOT json_extract(held.value, '$[1]')
"""
DELETE: Final = "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))"
RENEW: Final = "UPDATE messages SET lease_until = ? WHERE id IN (SELECT value FROM json_each(?))"
ABORTED: Final = """
SELECT json_group_array(id) FROM messages
WHERE aborted > 0 AND id IN (SELECT value FROM json_each(?))
"""
# Without a delay it keeps its place in line. One whose abort was asked for does not wait.
RELEASE: Final = """
UPDATE messages SET state = CASE WHEN ? > 0 AND aborted = 0 THEN 1 ELSE 0 END,
    due = CASE WHEN ? > 0 THEN ? ELSE due END, fence = NULL, lease_until = NULL,
    aborted = min(aborted, 1)
WHERE id = ? AND fence = ?
"""
BURY: Final = """
INSERT INTO dead_letters (task_id, task_name, priority, expires_after, unique_key, attempt,
    reason, error, buried_at, body)
SELECT task_id, task_name, priority, expires_after, unique_key, attempt, ?, ?, ?, body
FROM messages WHERE id = ? AND fence = ?
"""
RECLAIM: Final = """
UPDATE messages SET state = 0, unsettled = unsettled + 1, fence = NULL, lease_until = NULL,
    aborted = min(aborted, 1)
WHERE id IN (SELECT id FROM messages WHERE state = 2 AND lease_until <= ? LIMIT ?)
"""
# Without a point in time that can be read they would stay where they are for ever.
RECLAIM_TIMELESS: Final = """
UPDATE messages SET state = 0, fence = NULL, lease_until = NULL WHERE id IN
    (SELECT id FROM messages WHERE state = 2 AND lease_until >= '' LIMIT ?)
"""
RECLAIM_ENDLESS: Final = """
UPDATE messages SET state = 0, fence = NULL WHERE id IN
    (SELECT id FROM messages WHERE state = 2 AND lease_until IS NULL LIMIT ?)
"""
PROMOTE_TIMELESS: Final = """
UPDATE messages SET state = 0 WHERE id IN
    (SELECT id FROM messages WHERE state = 1 AND due >= '' LIMIT ?)
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """One delivery of one message."""

    message_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """The deliveries of a worker, and for how many seconds it wants them."""

    holds: Sequence[Hold]
    lease: float


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal found out.

    Attributes:
        lost: the deliveries that are not any more what they were.
        aborted: those that were renewed, and whose abort was asked for.
    """

    lost: frozenset[Hold]
    aborted: frozenset[Hold]


@dataclass(frozen=True, slots=True)
class Release:
    """A delivery to be given back, and the seconds until it is due."""

    hold: Hold
    delay: float


@dataclass(frozen=True, slots=True)
class Burial:
    """A delivery to be buried, and why."""

    hold: Hold
    reason: str
    error: str | None


def acknowledge(transaction: Transaction, holds: Sequence[Hold]) -> Sequence[TaskiqError | None]:
    """Forget messages, but for those that belong to others by now."""
    lost = _lost(transaction, holds)
    kept = [hold.message_id for index, hold in enumerate(holds) if index not in lost]
    if kept:
        transaction.execute(DELETE, (json.dumps(kept),))
    return [_lease_lost() if index in lost else None for index in range(len(holds))]


@each
def renew(transaction: Transaction, renewal: Renewal) -> Renewed:
    """Extend leases."""
    positions = _lost(transaction, renewal.holds)
    lost = frozenset(renewal.holds[index] for index in positions)
    kept = {hold.message_id: hold for hold in renewal.holds if hold not in lost}
    if not kept:
        return Renewed(lost, frozenset())
    ids = json.dumps([*kept])
    transaction.execute(RENEW, (transaction.now + renewal.lease, ids))
    aborted = json.loads(transaction.value(ABORTED, (ids,)))
    return Renewed(lost, frozenset(kept[message_id] for message_id in aborted))


@each
def release(transaction: Transaction, item: Release) -> None:
    """Give a message back."""
    hold, delay = item.hold, item.delay
    values = (delay, delay, transaction.now + delay, hold.message_id, hold.fence)
    if not transaction.execute(RELEASE, values):
        raise _lease_lost()
    transaction.wake(Topic.MESSAGES)


@each
def bury(transaction: Transaction, item: Burial) -> None:
    """Move a message to the dead letters."""
    hold = item.hold
    values = (item.reason, item.error, transaction.now, hold.message_id, hold.fence)
    if not transaction.execute(BURY, values):
        raise _lease_lost()
    transaction.execute(DELETE, (json.dumps([hold.message_id]),))


@each
def reclaim(transaction: Transaction, limit: int) -> int:
    """Have deliveries whose lease ran out wait in line again; how many there were.

    Those of which it can't be read when that is, too; and so with messages that are delayed.
    """
    count = transaction.execute(RECLAIM, (transaction.now, limit))
    timeless = (RECLAIM_TIMELESS, RECLAIM_ENDLESS, PROMOTE_TIMELESS)
    if count or sum(transaction.execute(each, (limit,)) for each in timeless):
        transaction.wake(Topic.MESSAGES)
    return count


def _lost(transaction: Transaction, holds: Sequence[Hold]) -> frozenset[int]:
    pairs = json.dumps([(hold.message_id, hold.fence) for hold in holds])
    return frozenset(json.loads(transaction.value(LOST, (pairs,))))


def _lease_lost() -> LeaseLostError:
    return LeaseLostError(
        reason="it ran out and the message was reclaimed, or it was settled before"
    )
