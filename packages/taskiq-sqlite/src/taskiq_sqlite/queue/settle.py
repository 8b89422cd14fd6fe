"""Settling: deliveries are acknowledged, released or buried; leases are renewed or reclaimed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import Renewal, lease_lost
from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.queue.states import DEFAULT
from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.json_numbers import numbers_of, numbers_text
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

RECLAIMS: Final = 1_000
"""Deliveries that one transaction reclaims."""

# Positions in a list of tokens: the leases that are lost.
LOST: Final = """
SELECT json_group_array(held.key) FROM json_each(?) AS held
LEFT JOIN messages ON messages.id = json_extract(held.value, '$[0]')
WHERE messages.fence IS NOT json_extract(held.value, '$[1]')
"""
DELETE: Final = """
DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?)) AND state < 3
"""
DELETE_NAMED: Final = "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))"
QUEUES_OF: Final = "SELECT queue FROM messages WHERE id IN (SELECT value FROM json_each(?))"
QUEUE_IF_DELAYED: Final = "SELECT queue FROM messages WHERE id = ? AND state IN (1, 4)"
RENEW: Final = "UPDATE messages SET lease_until = ? WHERE id IN (SELECT value FROM json_each(?))"
ABORTED: Final = """
SELECT json_group_array(id) FROM messages
WHERE aborted > 0 AND id IN (SELECT value FROM json_each(?))
"""
# Without a delay it keeps its place. A message whose abort was asked for does not wait.
RELEASE: Final = """
UPDATE messages SET state = state - CASE WHEN ? > 0 AND aborted = 0 THEN 1 ELSE 2 END,
    due = CASE WHEN ? > 0 THEN ? ELSE due END, fence = NULL, lease_until = NULL, owner = NULL,
    aborted = min(aborted, 1), failures = ifnull(?, failures)
WHERE id = ? AND fence = ?
"""
BURY: Final = """
INSERT INTO dead_letters (task_id, task_name, queue, priority, expires_after, unique_key, attempt,
    sent_at, reason, error, buried_at, body)
SELECT task_id, task_name, queue, priority, expires_after, unique_key, attempt, sent_at, ?, ?, ?,
    body
FROM messages WHERE id = ? AND fence = ?
"""
_UNSETTLED: Final = """
UPDATE messages SET state = state - 2, unsettled = unsettled + 1, fence = NULL, lease_until = NULL,
    owner = NULL, aborted = min(aborted, 1)
WHERE id IN (SELECT id FROM messages WHERE state = {state} AND {condition} LIMIT ?)
"""
RECLAIM: Final = _UNSETTLED.format(state=2, condition="lease_until <= ?")
RECLAIM_NAMED: Final = _UNSETTLED.format(state=5, condition="lease_until <= ?")
RECLAIM_OWNED: Final = _UNSETTLED.format(state=2, condition="owner = ?")
RECLAIM_OWNED_NAMED: Final = _UNSETTLED.format(state=5, condition="owner = ?")
# Without a point in time that can be read they would stay in their state for ever.
_TIMELESS: Final = """
UPDATE messages SET state = {to}, fence = NULL, lease_until = NULL, owner = NULL WHERE id IN
    (SELECT id FROM messages WHERE state = {state} AND {condition} LIMIT ?)
"""
RECLAIM_TIMELESS: Final = _TIMELESS.format(to=0, state=2, condition="lease_until >= ''")
RECLAIM_TIMELESS_NAMED: Final = _TIMELESS.format(to=3, state=5, condition="lease_until >= ''")
RECLAIM_ENDLESS: Final = _TIMELESS.format(to=0, state=2, condition="lease_until IS NULL")
RECLAIM_ENDLESS_NAMED: Final = _TIMELESS.format(to=3, state=5, condition="lease_until IS NULL")
PROMOTE_TIMELESS: Final = _TIMELESS.format(to=0, state=1, condition="due >= ''")
PROMOTE_TIMELESS_NAMED: Final = _TIMELESS.format(
    to=3, state=4, condition="queue IN (SELECT name FROM queues) AND due >= ''"
)
TIMELESS: Final = (
    RECLAIM_TIMELESS,
    RECLAIM_TIMELESS_NAMED,
    RECLAIM_ENDLESS,
    RECLAIM_ENDLESS_NAMED,
    PROMOTE_TIMELESS,
    PROMOTE_TIMELESS_NAMED,
)

Token: TypeAlias = LeaseToken[int]


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """The leases of a worker.

    Attributes:
        tokens: of its deliveries.
        lease: seconds from now until they run out again.
    """

    tokens: Sequence[Token]
    lease: float


@dataclass(frozen=True, slots=True)
class Release:
    """A delivery to be released.

    Attributes:
        delay: seconds until it is due.
        failures: how often the task has failed; None for as often as before.
    """

    token: Token
    delay: float
    failures: int | None = None


@dataclass(frozen=True, slots=True)
class Burial:
    """A delivery to be buried, with the reason and the text of the last exception."""

    token: Token
    reason: str
    error: str | None


def acknowledge(transaction: Transaction, tokens: Sequence[Token]) -> Sequence[TaskiqError | None]:
    """Forget messages; an error for each delivery whose lease is lost."""
    lost = _lost(transaction, tokens)
    kept = [token.message_id for index, token in enumerate(tokens) if index not in lost]
    if kept:
        _delete(transaction, kept)
    return [lease_lost() if index in lost else None for index in range(len(tokens))]


@each
def renew(transaction: Transaction, request: RenewRequest) -> list[Renewal]:
    """Extend leases, and find out which are lost or to be aborted."""
    lost = _lost(transaction, request.tokens)
    ids = numbers_text(
        [token.message_id for index, token in enumerate(request.tokens) if index not in lost]
    )
    transaction.execute(RENEW, (transaction.now + request.lease, ids))
    aborted = frozenset(numbers_of(transaction.value(ABORTED, (ids,))))
    return [
        Renewal.LOST
        if index in lost
        else Renewal.ABORTED
        if token.message_id in aborted
        else Renewal.DONE
        for index, token in enumerate(request.tokens)
    ]


@each
def release(transaction: Transaction, item: Release) -> None:
    """Queue a message again."""
    token, delay = item.token, item.delay
    values = (delay, delay, transaction.now + delay, item.failures, token.message_id, token.fence)
    if not transaction.execute(RELEASE, values):
        raise lease_lost()
    if delay > 0:
        queue = transaction.value(QUEUE_IF_DELAYED, (token.message_id,))
        if queue is not None:
            transaction.count(queue, delayed=1)
    transaction.notify(Topic.MESSAGES)


@each
def bury(transaction: Transaction, item: Burial) -> None:
    """Move a message to the dead letters."""
    token = item.token
    values = (item.reason, item.error, transaction.now, token.message_id, token.fence)
    if not transaction.execute(BURY, values):
        raise lease_lost()
    _delete(transaction, [token.message_id])


async def reclaim_all(database: Database, owner: str | None = None) -> int:
    """Queue all messages again whose lease ran out, or all that a worker has.

    Args:
        database: the file.
        owner: the worker; None for leases that ran out.

    Returns:
        The number of messages.
    """
    total = 0
    while True:
        count = await database.write(reclaim, owner)
        total += count
        if count < RECLAIMS:
            return total


@each
def reclaim(transaction: Transaction, owner: str | None) -> int:
    """Queue some messages again: of a worker, or whose lease ran out.

    Without an owner, also messages whose time can't be read.

    Returns:
        The number of messages of the worker, or whose lease ran out.
    """
    if owner is None:
        count = _reclaim(transaction, (RECLAIM, RECLAIM_NAMED), transaction.now)
        others = sum(transaction.execute(statement, (RECLAIMS,)) for statement in TIMELESS)
    else:
        count = _reclaim(transaction, (RECLAIM_OWNED, RECLAIM_OWNED_NAMED), owner)
        others = 0
    if count or others:
        transaction.notify(Topic.MESSAGES)
    return count


def _reclaim(transaction: Transaction, statements: Sequence[str], value: float | str) -> int:
    count = 0
    for statement in statements:
        count += transaction.execute(statement, (value, RECLAIMS - count))
    return count


def _delete(transaction: Transaction, ids: Sequence[int]) -> None:
    """Delete messages that workers have, and count them by queue."""
    values = (numbers_text(ids),)
    count = transaction.execute(DELETE, values)
    transaction.count(DEFAULT, total=-count)
    if count < len(ids):
        for [queue] in transaction.rows(QUEUES_OF, values):
            transaction.count(queue, total=-1)
        transaction.execute(DELETE_NAMED, values)


def _lost(transaction: Transaction, tokens: Sequence[Token]) -> frozenset[int]:
    # A token is written as a pair.
    return frozenset(numbers_of(transaction.value(LOST, (numbers_text(tokens),))))
