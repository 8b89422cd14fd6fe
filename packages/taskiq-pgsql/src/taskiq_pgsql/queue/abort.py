"""Aborting: messages are marked, and the workers that run them are notified."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_pgsql.queue.codec import DELIVERED
from taskiq_pgsql.queue.enqueue import FRONT
from taskiq_pgsql.storage.database import PostgresDatabase
from taskiq_pgsql.storage.notify import LONGEST_PAYLOAD, Topic

MARK: Final = """
UPDATE {s}.messages SET aborted = true, state = CASE state WHEN 1 THEN 0 ELSE state END
WHERE task_id = $1 RETURNING queue, state
"""
RUNNING: Final = "SELECT task_id FROM {s}.messages WHERE aborted AND state = 2"


async def request_abort(database: PostgresDatabase, task_id: str) -> AbortState:
    """Mark the messages of a task as aborted, and say where they are."""
    if "\0" in task_id:
        return AbortState.UNKNOWN
    rows = await database.fetch(MARK, task_id)
    for row in rows:
        database.notify(Topic.MESSAGES, FRONT + row["queue"])
    if any(row["state"] == DELIVERED for row in rows):
        is_short = len(task_id.encode()) <= LONGEST_PAYLOAD
        database.notify(Topic.ABORTS, task_id if is_short else "")
        return AbortState.RUNNING
    return AbortState.QUEUED if rows else AbortState.UNKNOWN


async def aborts(database: PostgresDatabase) -> AsyncGenerator[str, None]:
    """Yield the ids of running tasks that are marked, also of tasks marked from now on."""
    notices: asyncio.Queue[str | None] = asyncio.Queue()
    with database.connections.listener.listening(Topic.ABORTS, notices.put_nowait):
        while True:
            task_id = await notices.get()
            if task_id:
                yield task_id
                continue
            # Notices may have been missed, or it is too long for one.
            for row in await database.fetch(RUNNING):
                yield row["task_id"]
