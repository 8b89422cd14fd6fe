"""Enqueueing: messages become rows, those of one turn of the event loop in one statement."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_pgsql.queue.codec import Group, NewMessage, first_own_duplicate
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import Connections
from taskiq_pgsql.storage.notify import Topic

CHUNK: Final = 2_000
"""Messages of one statement at most."""
NEW: Final = "+"
"""Begins the payload of a notification of messages at the end of a queue."""
FRONT: Final = "-"
"""Begins the payload of a notification of messages that may be at the front of a queue."""
Fetch: TypeAlias = Callable[..., Awaitable[Sequence[Record]]]
"""Runs a statement, and returns its rows."""

# An array that is shorter is filled up with NULL: plain messages have empty arrays of labels.
_ROWS: Final = """
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::float8[], $6::int[], $7::float8[],
    $8::text[]) WITH ORDINALITY AS new(queue, task_id, task_name, body, delay, priority,
    expires_after, unique_key, number)
"""
_INSERT: Final = """
INSERT INTO {s}.messages (queue, state, rank, due, expires, expires_after, unique_key, sent_at,
    task_id, task_name, body)
SELECT queue, CASE WHEN delay > 0 THEN 1 ELSE 0 END, -coalesce(priority, 0),
    CASE WHEN delay > 0 THEN statement_timestamp() + make_interval(secs => delay) END,
    statement_timestamp() + make_interval(secs => expires_after), expires_after, unique_key,
    statement_timestamp(), task_id, task_name, body
{rows}
ORDER BY number
"""
INSERT: Final = _INSERT.replace("{rows}", _ROWS)
# A key that another transaction is about to take is waited for.
INSERT_KEYED: Final = f"""{INSERT}
ON CONFLICT (queue, (md5(unique_key)::uuid)) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id, queue, unique_key
"""
UNDO: Final = "DELETE FROM {s}.messages WHERE id = ANY($1::bigint[])"
HOLDER: Final = """
SELECT task_id FROM {s}.messages
WHERE queue = $1 AND md5(unique_key)::uuid = md5($2)::uuid AND unique_key = $2
"""
ADD_QUEUES: Final = """
INSERT INTO {s}.queues (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
"""


class Enqueuer:
    """Stores messages.

    Args:
        connections: to the database.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known_queues: set[str] = set()
        self._plain = Coalescer[Group, None](self._send_plain, most=CHUNK)
        self._keyed = Coalescer[Group, None](self._send_keyed)

    async def send(self, group: Group) -> None:
        """Store messages, all or none.

        Raises:
            DuplicateKeyError: the unique key of a message is taken.
        """
        is_keyed = any(message.labels.unique_key is not None for message in group)
        await (self._keyed if is_keyed else self._plain)(group)

    async def add_queues(self, names: set[str]) -> None:
        """Note the names of queues that get a message; by itself where all are known."""
        missing = names - self._known_queues
        if missing:
            await self._connections.main.fetch(ADD_QUEUES, sorted(missing))
            self._known_queues |= missing

    async def wait_idle(self) -> None:
        """Wait until nothing is under way."""
        await self._plain.wait_idle()
        await self._keyed.wait_idle()

    async def _send_plain(self, groups: Sequence[Group]) -> Sequence[None]:
        messages = [message for group in groups for message in group]
        queues = {message.queue for message in messages}
        await self.add_queues(queues)
        if len(messages) <= CHUNK:
            await self._connections.main.fetch(INSERT, *columns(messages))
        else:
            await self._send_large(messages)
        self._notify(queues)
        return [None] * len(groups)

    async def _send_large(self, messages: Sequence[NewMessage]) -> None:
        async with self._connections.main.transaction() as transaction:
            for first in range(0, len(messages), CHUNK):
                await transaction.fetch(INSERT, *columns(messages[first : first + CHUNK]))

    async def _send_keyed(self, groups: Sequence[Group]) -> Sequence[TaskiqError | None]:
        outcomes: list[TaskiqError | None] = []
        for group in groups:
            queues = {message.queue for message in group}
            await self.add_queues(queues)
            async with self._connections.keyed.transaction() as transaction:
                outcomes.append(await insert_keyed(group, transaction.fetch))
            self._notify(queues)
        return outcomes

    def _notify(self, queues: set[str]) -> None:
        for queue in queues:
            self._connections.notifier.notify(Topic.MESSAGES, NEW + queue)


async def insert_keyed(group: Group, fetch: Fetch) -> DuplicateKeyError | None:
    """Store messages some of which have unique keys, in a transaction.

    Args:
        group: all of them are stored, or none.
        fetch: runs a statement in the transaction.

    Returns:
        The error of the first key that is taken; None if all are stored.
    """
    own = first_own_duplicate(group)
    if own is not None:
        return duplicate_in(group, own)
    rows = await fetch(INSERT_KEYED, *columns(group))
    if len(rows) == len(group):
        return None
    await fetch(UNDO, [row["id"] for row in rows])
    refused = refused_of(group, {(row["queue"], row["unique_key"]) for row in rows})
    key = refused.labels.unique_key or ""
    found = await fetch(HOLDER, refused.queue, key)
    by = found[0]["task_id"] if found else "a message that is gone now"
    return DuplicateKeyError(task_name=refused.task_name, unique_key=key, holder=by)


def duplicate_in(group: Group, refused: NewMessage) -> DuplicateKeyError:
    """Return the error of a message whose key an earlier one of its group has."""
    key = refused.labels.unique_key or ""
    holder = next(each for each in group if each.labels.unique_key == key)
    return DuplicateKeyError(task_name=refused.task_name, unique_key=key, holder=holder.task_id)


def refused_of(group: Group, stored: Collection[tuple[str, str | None]]) -> NewMessage:
    """Return the first message of a group that was not stored.

    Args:
        group: messages that were to be stored.
        stored: queue and unique key of the messages that were.
    """
    return next(
        message
        for message in group
        if message.labels.unique_key is not None
        and (message.queue, message.labels.unique_key) not in stored
    )


def columns(messages: Sequence[NewMessage]) -> list[list[Any]]:
    """Return messages as the arrays of a statement."""
    arrays: list[list[Any]] = [
        [message.queue for message in messages],
        [message.task_id for message in messages],
        [message.task_name for message in messages],
        [message.body for message in messages],
    ]
    if all(message.is_plain for message in messages):
        return [*arrays, [], [], [], []]
    labels = [message.labels for message in messages]
    return [
        *arrays,
        [each.delay for each in labels],
        [each.priority for each in labels],
        [each.expires_after for each in labels],
        [each.unique_key for each in labels],
    ]
