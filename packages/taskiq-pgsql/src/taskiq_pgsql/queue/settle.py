"""Settling: deliveries are acknowledged, released, buried, renewed and reclaimed."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple, TypeAlias

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal, lease_lost
from taskiq_core.exceptions import TaskiqError
from taskiq_pgsql.queue.enqueue import FRONT
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import Connections
from taskiq_pgsql.storage.notify import Topic

PostgresDelivery: TypeAlias = LeasedDelivery[int]
"""One message, leased to this worker; its store knows it by the row's id."""
Token: TypeAlias = LeaseToken[int]

CHUNK: Final = 1_000
"""Deliveries of one statement at most."""
# Rows are found by their primary key, and in its order, so that two statements can't wait for each
# other. An expression hides the state from the planner, which would scan the index of that state,
# and there is no join, for which it would scan all of the primary key: dead rows, too.
_OF_ROW: Final = "[array_position($1::bigint[], id)]"
_HELD: Final = f"""
id = ANY($1::bigint[]) AND state + 0 = 2 AND fence = ($2::bigint[]){_OF_ROW}
"""
ACKNOWLEDGE: Final = """
DELETE FROM {s}.messages WHERE {lazy} AND {held} RETURNING id
""".replace("{held}", _HELD)
RENEW: Final = """
UPDATE {s}.messages SET lease_until = statement_timestamp() + make_interval(secs => $3)
WHERE {lazy} AND {held} RETURNING id, aborted
""".replace("{held}", _HELD)
_DELAY: Final = f"($3::float8[]){_OF_ROW}"
# A message whose abort was asked for does not wait.
RELEASE: Final = (
    """
UPDATE {s}.messages SET state = CASE WHEN {delay} > 0 AND NOT aborted THEN 1 ELSE 0 END,
    due = CASE WHEN {delay} > 0
        THEN statement_timestamp() + make_interval(secs => {delay}) ELSE due END,
    attempt = greatest(attempt - ($4::int[]){of_row}, 0), lease_until = NULL, owner = NULL,
    batch = NULL
WHERE {held} RETURNING id, queue, state
""".replace("{delay}", _DELAY)
    .replace("{of_row}", _OF_ROW)
    .replace("{held}", _HELD)
)
BURY: Final = """
WITH gone AS (
    DELETE FROM {s}.messages WHERE id = $1 AND fence = $2 AND state = 2 RETURNING *
)
INSERT INTO {s}.dead_letters (queue, task_id, task_name, rank, expires_after, unique_key, attempt,
    sent_at, buried_at, reason, error, body)
SELECT queue, task_id, task_name, rank, expires_after, unique_key, attempt, sent_at,
    statement_timestamp(), $3, $4, body
FROM gone RETURNING id
"""
_UNSETTLED: Final = """
UPDATE {s}.messages SET state = 0, unsettled = unsettled + 1, lease_until = NULL, owner = NULL,
    batch = NULL
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.messages WHERE state = 2 AND {condition}
    LIMIT 1000 FOR UPDATE SKIP LOCKED))
AND state = 2 RETURNING queue
"""
RECLAIM: Final = _UNSETTLED.replace(
    "{condition}", "queue = ANY($1::text[]) AND lease_until <= statement_timestamp()"
)
RECLAIM_OWNED: Final = _UNSETTLED.replace("{condition}", "owner = $1")


class Release(NamedTuple):
    """A delivery to be queued again.

    Attributes:
        token: of the delivery.
        delay: seconds until it is due.
        uncounted: 1 if it is not to count as an attempt.
    """

    token: Token
    delay: float = 0.0
    uncounted: int = 0


class Settler:
    """Settles deliveries; the `LeasedQueue` of all deliveries of one event loop.

    Args:
        connections: to the database.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._acknowledge = Coalescer[Token, None](self._acknowledge_all, most=CHUNK)
        self._release = Coalescer[Release, None](self._release_all, most=CHUNK)

    def acknowledge(self, token: Token) -> Awaitable[None]:
        """Forget the message."""
        return self._acknowledge(token)

    async def release(self, token: Token, delay: float = 0.0) -> None:
        """Queue the message again; without a delay, in its old place."""
        await self._release(Release(token, delay))

    async def bury(self, token: Token, reason: str, error: str | None) -> None:
        """Move the message to the dead letters.

        Args:
            token: of the delivery.
            reason: why the message is buried.
            error: text of the last exception, if there was one.
        """
        texts = [None if text is None else kept(text) for text in (reason, error)]
        if not await self._connections.main.fetch(BURY, *token, *texts):
            raise lease_lost()

    async def renew(self, tokens: Sequence[Token], lease: float) -> Sequence[Renewal]:
        """Extend leases, a thousand in each statement."""
        renewals: list[Renewal] = []
        for first in range(0, len(tokens), CHUNK):
            chunk = tokens[first : first + CHUNK]
            rows = await self._connections.main.fetch(RENEW, *_pairs(chunk), lease)
            aborted = {row["id"]: row["aborted"] for row in rows}
            renewals += (_renewal(aborted.get(token.message_id)) for token in chunk)
        return renewals

    async def give_back(self, deliveries: Sequence[PostgresDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt, to the places that they had.

        A delivery that can't be returned stays leased until its lease runs out.
        """
        # An expired one was not counted.
        returns = (
            self._release(Release(each.token, uncounted=int(not each.expired)))
            for each in deliveries
        )
        await asyncio.gather(*returns, return_exceptions=True)

    async def reclaim(self, queues: Sequence[str]) -> int:
        """Queue deliveries again whose lease ran out.

        Returns:
            The number of messages queued.
        """
        return await self._reclaim(RECLAIM, queues)

    async def reclaim_owned(self, owner: str) -> int:
        """Queue all deliveries of a worker again.

        Returns:
            The number of messages queued.
        """
        return await self._reclaim(RECLAIM_OWNED, owner)

    async def wait_idle(self) -> None:
        """Wait until nothing is under way."""
        await self._acknowledge.wait_idle()
        await self._release.wait_idle()

    async def _reclaim(self, statement: str, value: object) -> int:
        count = 0
        while True:
            rows = await self._connections.main.fetch(statement, value)
            count += len(rows)
            self._notify(rows)
            if len(rows) < CHUNK:
                return count

    async def _acknowledge_all(self, tokens: Sequence[Token]) -> Sequence[TaskiqError | None]:
        # Not behind results, which wait for the disk.
        rows = await self._connections.claims.fetch(ACKNOWLEDGE, *_pairs(tokens))
        if len(rows) == len(tokens):
            return [None] * len(tokens)
        gone = {row["id"] for row in rows}
        return [None if token.message_id in gone else lease_lost() for token in tokens]

    async def _release_all(self, releases: Sequence[Release]) -> Sequence[TaskiqError | None]:
        ordered = sorted(releases)
        rows = await self._connections.main.fetch(
            RELEASE,
            *_pairs([each.token for each in ordered]),
            [each.delay for each in ordered],
            [each.uncounted for each in ordered],
        )
        self._notify(rows)
        released = {row["id"] for row in rows}
        return [None if each.token.message_id in released else lease_lost() for each in releases]

    def _notify(self, rows: Sequence[Record]) -> None:
        for queue in {row["queue"] for row in rows}:
            self._connections.notifier.notify(Topic.MESSAGES, FRONT + queue)


def kept(text: str) -> str:
    """Return a text that PostgreSQL keeps: an error may quote anything."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _pairs(tokens: Sequence[Token]) -> tuple[list[int], list[int]]:
    """Return ids and fences in the order of the ids."""
    ordered = sorted(tokens)
    return [token.message_id for token in ordered], [token.fence for token in ordered]


def _renewal(aborted: bool | None) -> Renewal:
    if aborted is None:
        return Renewal.LOST
    return Renewal.ABORTED if aborted else Renewal.DONE
