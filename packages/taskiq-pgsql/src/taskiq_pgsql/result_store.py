"""ResultStore: results in the tables, as one event loop sees them."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_pgsql.result_waiter import ResultWaiter, notify_ready
from taskiq_pgsql.storage.database import Connections

CHUNK: Final = 1_000
CLEANED: Final = 1_000
"""Expired results that one statement deletes."""
MAX_CLEANINGS: Final = 20
"""Statements of one clean-up at most."""

# The result of an earlier delivery than that of the stored one is ignored: its worker lost the
# lease.
SAVE: Final = """
INSERT INTO {s}.results AS r (task_id, fence, expires, body)
SELECT task_id, fence, statement_timestamp() + make_interval(secs => $4), body
FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS new(task_id, fence, body)
ORDER BY task_id
ON CONFLICT ((md5(task_id)::uuid)) DO UPDATE
SET fence = excluded.fence, expires = excluded.expires, body = excluded.body
WHERE excluded.fence IS NULL OR r.fence IS NULL OR excluded.fence >= r.fence
    OR r.expires <= statement_timestamp()
"""
_FOUND: Final = """
FROM {s}.results
WHERE md5(task_id)::uuid = ANY(ARRAY(SELECT md5(id)::uuid FROM unnest($1::text[]) AS id))
    AND (expires IS NULL OR expires > statement_timestamp())
"""
LOAD: Final = f"SELECT task_id, body {_FOUND}"
FIND_READY: Final = f"SELECT task_id {_FOUND}"
_CLEAN: Final = """
DELETE FROM {s}.{table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.{table} WHERE expires IS NOT NULL AND expires <= statement_timestamp()
    ORDER BY expires LIMIT 1000 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""
CLEAN: Final = tuple(_CLEAN.replace("{table}", table) for table in ("results", "progress"))
SET_PROGRESS: Final = """
INSERT INTO {s}.progress (task_id, expires, body)
VALUES ($1, statement_timestamp() + make_interval(secs => $2), $3)
ON CONFLICT ((md5(task_id)::uuid)) DO UPDATE SET expires = excluded.expires, body = excluded.body
"""
GET_PROGRESS: Final = """
SELECT body FROM {s}.progress WHERE md5(task_id)::uuid = md5($1)::uuid
    AND (expires IS NULL OR expires > statement_timestamp())
"""


class NewResult(NamedTuple):
    """A result to be stored.

    Attributes:
        task_id: of the task.
        fence: of the delivery that made it; None if it has no fence.
        body: the bytes of the result.
    """

    task_id: str
    fence: int | None
    body: bytes


class ResultStore:
    """Saves and loads results; calls of one turn of the event loop share a statement.

    Args:
        connections: to the database.
        ttl: seconds that results are kept; None for ever.
        poll_interval: seconds after which waiting callers look for results by themselves.
    """

    def __init__(
        self, connections: Connections, *, ttl: float | None, poll_interval: float
    ) -> None:
        self.save = Coalescer[NewResult, None](self._save, most=CHUNK)
        self.load = Coalescer[str, bytes | None](self._load, most=CHUNK)
        self.waiter = ResultWaiter(connections.listener, self.find_ready, poll_interval)
        self._connections = connections
        self._ttl = ttl

    async def close(self) -> None:
        """Wait for the calls under way."""
        await self.waiter.stop()
        await self.save.wait_idle()
        await self.load.wait_idle()

    async def find_ready(self, task_ids: Collection[str]) -> Collection[str]:
        """Return the ids of tasks that have a result."""
        rows = await self._connections.main.fetch(FIND_READY, list(task_ids))
        return [row["task_id"] for row in rows]

    async def _save(self, results: Sequence[NewResult]) -> Sequence[None]:
        latest: dict[str, NewResult] = {}
        for result in results:
            before = latest.get(result.task_id)
            if before is None or (result.fence or 0) >= (before.fence or 0):
                latest[result.task_id] = result
        columns = map(list, zip(*latest.values(), strict=True))
        await self._connections.main.fetch(SAVE, *columns, self._ttl)
        notify_ready(self._connections.notifier, latest)
        return [None] * len(results)

    async def _load(self, task_ids: Sequence[str]) -> Sequence[bytes | None]:
        rows = await self._connections.main.fetch(LOAD, list(set(task_ids)))
        found = {row["task_id"]: row["body"] for row in rows}
        return [found.get(task_id) for task_id in task_ids]


async def clean(connections: Connections) -> None:
    """Delete some expired results and progress."""
    for statement in CLEAN:
        for _ in range(MAX_CLEANINGS):
            if len(await connections.main.fetch(statement)) < CLEANED:
                break
