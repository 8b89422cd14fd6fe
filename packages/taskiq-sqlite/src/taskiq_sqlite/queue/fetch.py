"""Fetching: messages are leased to a worker, or returned to their places."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_sqlite.queue.codec import FetchedMessage, read_messages
from taskiq_sqlite.queue.states import DEFAULT
from taskiq_sqlite.storage.json_numbers import numbers_of, numbers_text
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
    (SELECT id FROM messages WHERE state = 1 AND due <= ?1 ORDER BY due LIMIT ?2)
"""
PROMOTE_NAMED: Final = """
UPDATE messages SET state = 3 WHERE id IN
    (SELECT id FROM messages WHERE state = 4 AND queue = ?3 AND due <= ?1 ORDER BY due LIMIT ?2)
"""
# Ordered as the indexes of waiting messages are.
_PICK: Final = """
SELECT json_group_array(json_array(id, size)) FROM
    (SELECT id, length(body) AS size FROM messages
     WHERE {where} AND (expires IS NULL OR expires > ?1 OR aborted > 0)
     AND NOT EXISTS (SELECT 1 FROM queues WHERE name = {name} AND is_paused)
     ORDER BY aborted DESC, priority DESC, due, id LIMIT ?2)
"""
PICK: Final = _PICK.format(where="state = 0", name="''")
PICK_NAMED: Final = _PICK.format(where="state = 3 AND queue = ?3", name="?3")
_PICK_EXPIRED: Final = """
SELECT json_group_array(json_array(id, size)) FROM
    (SELECT id, length(body) AS size FROM messages
     WHERE expires <= ?1 AND {where} AND aborted = 0 LIMIT ?2)
"""
PICK_EXPIRED: Final = _PICK_EXPIRED.format(where="state < 2")
PICK_EXPIRED_NAMED: Final = _PICK_EXPIRED.format(where="state IN (3, 4)")
DELAYED_AMONG: Final = """
SELECT queue FROM messages WHERE id IN (SELECT value FROM json_each(?)) AND state IN (1, 4)
"""
END_DELAYS: Final = """
UPDATE messages SET state = state - 1
WHERE id IN (SELECT value FROM json_each(?)) AND state IN (1, 4)
"""
TAKE: Final = """
UPDATE messages SET state = CASE WHEN state < 3 THEN 2 ELSE 5 END, attempt = attempt + ?,
    fence = ? + held.key, lease_until = ?, owner = ?,
    aborted = CASE aborted WHEN 0 THEN 0 ELSE 2 END
FROM json_each(?) AS held WHERE messages.id = held.value
"""
# Numbers come before texts and bytes, which can't be points in time.
NEXT_DUE: Final = "SELECT min(due) FROM messages WHERE state = 1 AND due < ''"
NEXT_DUE_NAMED: Final = "SELECT min(due) FROM messages WHERE state = 4 AND queue = ? AND due < ''"
_NEXT_EXPIRY: Final = """
SELECT min(expires) FROM messages
WHERE expires > 0 AND expires < '' AND expires IS NOT NULL AND {where}
"""
NEXT_EXPIRY: Final = _NEXT_EXPIRY.format(where="state < 2")
NEXT_EXPIRY_NAMED: Final = _NEXT_EXPIRY.format(where="state IN (3, 4)")
LAST_FENCE: Final = "SELECT value FROM fence WHERE typeof(value) = 'integer'"
GIVE_BACK: Final = """
UPDATE messages SET state = state - 2, attempt = attempt - ?, fence = NULL, lease_until = NULL,
    owner = NULL, aborted = min(aborted, 1)
WHERE id = ? AND fence = ?
"""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What a worker asks for.

    Attributes:
        limit: messages at most.
        lease: seconds until the queue takes them back.
        owner: the worker.
        queues: to look at, in this order, as they are stored.
    """

    limit: int
    lease: float
    owner: str = ""
    queues: Sequence[str] = (DEFAULT,)


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """What one fetch brought.

    Attributes:
        messages: in the order in which they are to be run.
        expired: messages to be refused; their deliveries are not counted as attempts.
        wait: seconds until more may be due without anything being sent; None if nothing is to come.
        queue: the first queue that had messages, as it is stored; None if no queue had.
    """

    messages: Sequence[FetchedMessage] = ()
    expired: Sequence[FetchedMessage] = ()
    wait: float | None = None
    queue: str | None = None


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
    picked: list[Sequence[int]] = []
    first: str | None = None
    for queue in request.queues:
        found = _pick(transaction, queue, request.limit - len(picked))
        if found and first is None:
            first = queue
        picked += found
        if len(picked) == request.limit:
            return FetchedBatch(_take(transaction, picked, request), queue=first)
    messages = _take(transaction, picked, request)
    expired = _take_expired(transaction, replace(request, limit=request.limit - len(picked)))
    if messages or expired:
        return FetchedBatch(messages, expired, queue=first)
    return FetchedBatch(wait=_seconds_until_next(transaction, request.queues))


@each
def fetch_expired(transaction: Transaction, request: FetchRequest) -> FetchedBatch:
    """Lease some expired messages only."""
    return FetchedBatch(expired=_take_expired(transaction, request))


@each
def give_back(transaction: Transaction, fetched: FetchedBatch | Unstarted) -> None:
    """Undo a fetch: its deliveries are not counted as attempts."""
    for message in fetched.messages:
        transaction.execute(GIVE_BACK, (1, message.message_id, message.fence))
    for message in fetched.expired:
        transaction.execute(GIVE_BACK, (0, message.message_id, message.fence))
    transaction.notify(Topic.MESSAGES)


def promote(transaction: Transaction, queue: str) -> None:
    """Make some delayed messages of a queue wait that are due."""
    if queue == DEFAULT:
        count = transaction.execute(PROMOTE, (transaction.now, PROMOTIONS))
    else:
        count = transaction.execute(PROMOTE_NAMED, (transaction.now, PROMOTIONS, queue))
    if count:
        transaction.count(queue, delayed=-count)


def _pick(transaction: Transaction, queue: str, limit: int) -> list[Sequence[int]]:
    """Return the ids and sizes of the next messages of a queue."""
    promote(transaction, queue)
    if queue == DEFAULT:
        picked = transaction.value(PICK, (transaction.now, limit))
    else:
        picked = transaction.value(PICK_NAMED, (transaction.now, limit, queue))
    found: list[Sequence[int]] = numbers_of(picked)
    return found


def _take_expired(transaction: Transaction, request: FetchRequest) -> list[FetchedMessage]:
    picked: list[Sequence[int]] = []
    for statement in _of_kinds(request.queues, PICK_EXPIRED, PICK_EXPIRED_NAMED):
        limit = request.limit - len(picked)
        picked += numbers_of(transaction.value(statement, (transaction.now, limit)))
    if picked:
        ids = numbers_text([message_id for message_id, _ in picked])
        for [queue] in transaction.rows(DELAYED_AMONG, (ids,)):
            transaction.count(queue, delayed=-1)
        transaction.execute(END_DELAYS, (ids,))
    return _take(transaction, picked, request, counts=False)


def _of_kinds(queues: Sequence[str], default: str, named: str) -> list[str]:
    """Return the statement of the default queue, that of all others, or both."""
    statements = [default] if DEFAULT in queues else []
    return statements if statements and len(queues) == 1 else [*statements, named]


def _take(
    transaction: Transaction,
    picked: Sequence[Sequence[int]],
    request: FetchRequest,
    *,
    counts: bool = True,
) -> list[FetchedMessage]:
    """Lease messages of which ids and sizes are given, as many as one fetch may return."""
    if not picked:
        return []
    ids = _as_many_as_fit(picked)
    first = _next_fence(transaction, len(ids))
    until = transaction.now + request.lease
    owner = request.owner or None
    transaction.execute(TAKE, (int(counts), first, until, owner, numbers_text(ids)))
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


def _seconds_until_next(transaction: Transaction, queues: Sequence[str]) -> float | None:
    times = [
        transaction.value(NEXT_DUE)
        if queue == DEFAULT
        else transaction.value(NEXT_DUE_NAMED, (queue,))
        for queue in queues
    ]
    times += map(transaction.value, _of_kinds(queues, NEXT_EXPIRY, NEXT_EXPIRY_NAMED))
    nearest = min((time for time in times if time is not None), default=None)
    return None if nearest is None else max(nearest - transaction.now, 0.0)
