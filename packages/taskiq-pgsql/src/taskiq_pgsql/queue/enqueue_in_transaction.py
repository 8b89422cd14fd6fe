"""Enqueueing inside the transaction of a program: messages become rows that it commits."""

import asyncio
import json
from base64 import b64encode
from typing import Any, Final

from taskiq_core.exceptions import DuplicateKeyError, SendTaskError
from taskiq_pgsql.queue.codec import Group, NewMessage, first_own_duplicate
from taskiq_pgsql.queue.enqueue import FRONT, duplicate_in, refused_of
from taskiq_pgsql.storage.notify import Topic, channel
from taskiq_pgsql.storage.server import Server
from taskiq_pgsql.storage.transaction import Executor

# One parameter, a JSON text, as that is what all libraries can pass. The notification is sent when
# the transaction is committed.
INSERT: Final = """
WITH input AS (
    SELECT CAST(CAST({p} AS text) AS jsonb) AS value
), new AS (
    SELECT new.* FROM input CROSS JOIN LATERAL jsonb_to_recordset(input.value -> 'messages')
        AS new(number int, queue text, task_id text, task_name text, body text, delay float8,
            priority int, expires_after float8, unique_key text)
), stored AS (
    INSERT INTO {s}.messages (queue, state, rank, due, expires, expires_after, unique_key, sent_at,
        task_id, task_name, body)
    SELECT queue, CASE WHEN delay > 0 THEN 1 ELSE 0 END, -priority,
        CASE WHEN delay > 0 THEN clock_timestamp() + make_interval(secs => delay) END,
        clock_timestamp() + make_interval(secs => expires_after), expires_after, unique_key,
        clock_timestamp(), task_id, task_name, decode(body, 'base64')
    FROM new ORDER BY number
    ON CONFLICT (queue, (CAST(md5(unique_key) AS uuid))) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING id, queue, unique_key
), notified AS (
    SELECT pg_notify(input.value ->> 'channel', CAST(input.value ->> 'front' AS text) || queue)
    FROM input CROSS JOIN (SELECT DISTINCT queue FROM stored) AS queues
)
SELECT id, queue, unique_key, (SELECT count(*) FROM notified) FROM stored
"""
UNDO: Final = """
DELETE FROM {s}.messages WHERE id IN (
    SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(CAST({p} AS text) AS jsonb)))
RETURNING id
"""
HOLDER: Final = """
SELECT task_id FROM {s}.messages, (SELECT CAST(CAST({p} AS text) AS jsonb) AS value) AS input
WHERE queue = input.value ->> 'queue' AND unique_key = input.value ->> 'unique_key'
    AND CAST(md5(unique_key) AS uuid) = CAST(md5(input.value ->> 'unique_key') AS uuid)
"""


class TransactionEnqueuer:
    """Stores messages by the connection of a program, while its block is entered.

    Args:
        server: knows the schema.
        executor: runs statements in the program's transaction.
    """

    def __init__(self, server: Server, executor: Executor) -> None:
        self._server = server
        self._executor = executor
        # `asyncio.gather` inside the block sends at the same time; a connection runs one by one.
        self._lock = asyncio.Lock()
        self._is_open = True

    def close(self) -> None:
        """Refuse what is sent from now on."""
        self._is_open = False

    async def send(self, group: Group) -> None:
        """Store messages, all or none.

        Raises:
            DuplicateKeyError: the unique key of a message is taken; the transaction goes on.
            SendTaskError: the block has ended.
        """
        async with self._lock:
            if not self._is_open:
                reason = "the block of `in_transaction` has ended; await `kiq` inside of it"
                raise SendTaskError(task_name=group[0].task_name, reason=reason)
            taken = await self._insert(group)
        if taken is not None:
            raise taken

    async def _insert(self, group: Group) -> DuplicateKeyError | None:
        own = first_own_duplicate(group)
        if own is not None:
            return duplicate_in(group, own)
        rows = await self._fetch(INSERT, self._document(group))
        if len(rows) == len(group):
            return None
        if rows:
            await self._fetch(UNDO, [row[0] for row in rows])
        refused = refused_of(group, {(row[1], row[2]) for row in rows})
        key = refused.labels.unique_key or ""
        found = await self._fetch(HOLDER, {"queue": refused.queue, "unique_key": key})
        by = found[0][0] if found else "a message that is gone now"
        return DuplicateKeyError(task_name=refused.task_name, unique_key=key, holder=by)

    async def _fetch(self, statement: str, parameter: Any) -> Any:
        return await self._executor.fetch(self._server.sql(statement), json.dumps(parameter))

    def _document(self, group: Group) -> dict[str, Any]:
        return {
            "channel": channel(self._server.schema, Topic.MESSAGES),
            "front": FRONT,
            "messages": [_row(number, message) for number, message in enumerate(group)],
        }


def _row(number: int, message: NewMessage) -> dict[str, Any]:
    labels = message.labels
    return {
        "number": number,
        "queue": message.queue,
        "task_id": message.task_id,
        "task_name": message.task_name,
        "body": b64encode(message.body).decode(),
        "delay": labels.delay,
        "priority": labels.priority,
        "expires_after": labels.expires_after,
        "unique_key": labels.unique_key,
    }
