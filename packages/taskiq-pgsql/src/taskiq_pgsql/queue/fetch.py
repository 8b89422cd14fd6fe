"""Fetching: messages are leased to this worker, expired ones among them."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from taskiq_core.brokers.fetch_loop import Fetched
from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery
from taskiq_core.brokers.queue_order import QueueOrder
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_pgsql.errors import PostgresUnreachableError
from taskiq_pgsql.queue.enqueue import FRONT
from taskiq_pgsql.queue.fetch_positions import FetchPositions
from taskiq_pgsql.queue.settle import PostgresDelivery, Settler
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import Connections

MAX_EXPIRED: Final = 100
"""Expired messages that are leased beside the fetch loop at most."""
LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks at delayed and aborted messages while others are fetched."""
PROMOTIONS: Final = 1_000
"""Delayed messages that one look makes wait."""
MAX_LOST_BATCHES: Final = 100
"""Fetches without a reply that are remembered, so that their messages are given back."""

# The fence is the time, in microseconds: it is higher than that of an earlier delivery also where
# the server lost the record of it in a crash.
_TAKE: Final = """
UPDATE {s}.messages AS m SET state = 2,
    attempt = m.attempt
        + CASE WHEN m.expires <= statement_timestamp() AND NOT m.aborted THEN 0 ELSE 1 END,
    fence = greatest(m.fence + 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint),
    lease_until = statement_timestamp() + make_interval(secs => $2), owner = $3, batch = $4
WHERE m.ctid = ANY(ARRAY({pick})) AND {lazy}
RETURNING m.id, m.fence, m.queue, m.rank, m.attempt, m.unsettled, m.aborted, m.task_id, m.body,
    coalesce(m.expires <= statement_timestamp() AND NOT m.aborted, false) AS expired
"""
# Parts of queues one after the other, each in its order, until there are enough: the outer LIMIT
# ends the search, and only rows that were found are locked.
_PICK: Final = """
SELECT found.ctid
FROM unnest($5::text[], $6::int[], $7::bigint[], $8::int[])
    AS part(queue, low_rank, low_id, high_rank)
CROSS JOIN LATERAL (
    SELECT ctid FROM {s}.messages
    WHERE state = 0 AND queue = part.queue AND (rank, id) > (part.low_rank, part.low_id)
        AND rank <= part.high_rank
    ORDER BY queue, rank, id LIMIT $1::int FOR UPDATE SKIP LOCKED
) AS found
WHERE part.queue <> ALL(ARRAY(SELECT name FROM {s}.queues WHERE is_paused))
LIMIT $1::int
"""
# Those whose abort was asked for come before all others.
_PICK_ABORTED: Final = """
SELECT ctid FROM {s}.messages WHERE aborted AND state = 0 AND queue = ANY($5::text[])
    AND NOT EXISTS (SELECT FROM {s}.queues WHERE name = queue AND is_paused)
LIMIT $1::int FOR UPDATE SKIP LOCKED
"""
_PICK_EXPIRED: Final = """
SELECT ctid FROM {s}.messages
WHERE expires IS NOT NULL AND state < 2 AND expires <= statement_timestamp() AND NOT aborted
ORDER BY expires LIMIT $1::int FOR UPDATE SKIP LOCKED
"""
FETCH: Final = _TAKE.replace("{pick}", _PICK)
FETCH_ABORTED: Final = _TAKE.replace("{pick}", _PICK_ABORTED)
FETCH_EXPIRED: Final = _TAKE.replace("{pick}", _PICK_EXPIRED)
PROMOTE: Final = """
UPDATE {s}.messages SET state = 0 WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.messages
    WHERE state = 1 AND queue = ANY($1::text[]) AND due <= statement_timestamp()
    LIMIT 1000 FOR UPDATE SKIP LOCKED))
RETURNING 1
"""
NEXT_DUE: Final = """
SELECT extract(epoch FROM min(next) - statement_timestamp())::float8 FROM (
    SELECT (SELECT min(due) FROM {s}.messages WHERE state = 1 AND queue = q.name) AS next
    FROM unnest($1::text[]) AS q(name)
    UNION ALL
    SELECT min(expires) FROM {s}.messages
    WHERE expires IS NOT NULL AND state < 2 AND NOT aborted
) AS moments
"""
# What a fetch leased whose reply never came: it did not reach a worker.
GIVE_BACK: Final = """
UPDATE {s}.messages SET state = 0, lease_until = NULL, owner = NULL, batch = NULL,
    attempt = attempt - CASE WHEN expires <= statement_timestamp() AND NOT aborted THEN 0 ELSE 1 END
WHERE state = 2 AND queue = ANY($1::text[]) AND batch = ANY($2::bigint[])
RETURNING queue
"""


class Wakeup:
    """What a worker has heard of its queues since its last fetch.

    Attributes:
        event: set when there may be something to fetch.
        is_front: whether it may come before the messages that wait.

    Args:
        queues: of the worker.
    """

    def __init__(self, queues: Sequence[str]) -> None:
        self.event = asyncio.Event()
        self.is_front = True
        self._queues = frozenset(queues)

    def notice(self, payload: str | None) -> None:
        """Take a notification."""
        if payload is None:
            self.is_front = True
        elif payload[1:] not in self._queues:
            return
        elif payload[:1] == FRONT:
            self.is_front = True
        self.event.set()


class Fetcher:
    """Leases messages; the `MessageQueue` of the fetch loop.

    Most fetches begin where those of some time ago ended: see `FetchPositions`.

    Args:
        connections: to the database.
        settler: of the deliveries.
        lease: seconds that a worker gets messages for.
        owner: the worker; empty for none.
        selection: the queues to fetch from.
    """

    def __init__(
        self,
        connections: Connections,
        settler: Settler,
        *,
        lease: float,
        owner: str,
        selection: QueueSelection,
    ) -> None:
        self.wakeup = Wakeup(list(selection.weights))
        self._connections = connections
        self._settler = settler
        self._lease = lease
        self._owner = owner or None
        self._queues = list(selection.weights)
        self._order = QueueOrder(selection)
        self._positions = FetchPositions()
        self._look_at = 0.0
        self._lost_batches: list[int] = []

    async def fetch(self, limit: int) -> Fetched[PostgresDelivery]:
        """Lease messages, in the order of the queues; expired ones are not counted as attempts."""
        await self._give_back_lost()
        wakeup = self.wakeup
        wakeup.event.clear()
        found: list[PostgresDelivery] = []
        if wakeup.is_front or time.monotonic() >= self._look_at:
            found = await self._look(limit)
        if len(found) < limit:
            is_full, wakeup.is_front = wakeup.is_front, False
            found += await self._fetch_waiting(limit - len(found), is_full=is_full)
        if found:
            return Fetched(found)
        return await self._look_ahead(limit)

    async def fetch_expired(self) -> Sequence[PostgresDelivery]:
        """Lease expired messages alone, of all queues."""
        return self._deliveries(await self._take(FETCH_EXPIRED, MAX_EXPIRED))

    async def wait(self, seconds: float) -> None:
        """Wait for a notification of messages in one of the queues."""
        try:
            async with asyncio.timeout(seconds):
                await self.wakeup.event.wait()
        except TimeoutError:
            self.wakeup.is_front = True

    async def give_back(self, deliveries: Sequence[PostgresDelivery]) -> None:
        """Return unstarted deliveries without counting an attempt."""
        self.wakeup.is_front = True
        await self._settler.give_back(deliveries)

    # -- steps --------------------------------------------------------------------------------

    async def _look(self, limit: int) -> list[PostgresDelivery]:
        """Queue delayed messages that are due, and lease aborted ones."""
        promoted = await self._connections.claims.fetch(PROMOTE, self._queues)
        self.wakeup.is_front |= bool(promoted)
        aborted = await self._take(FETCH_ABORTED, limit, self._queues)
        is_done = len(promoted) < PROMOTIONS
        self._look_at = time.monotonic() + LOOK_INTERVAL if is_done else 0.0
        return self._deliveries(aborted)

    async def _look_ahead(self, limit: int) -> Fetched[PostgresDelivery]:
        """Find out when more may be due; lease messages that expired while they were delayed."""
        now = time.monotonic()
        seconds = await self._connections.claims.value(NEXT_DUE, self._queues)
        if seconds is not None and seconds <= 0:
            self._look_at = 0.0
            return Fetched(self._deliveries(await self._take(FETCH_EXPIRED, limit)), 0.0)
        self._look_at = now + min(LOOK_INTERVAL, seconds or LOOK_INTERVAL)
        full_look = self._positions.seconds_to_full_look(now)
        waits = [each for each in (seconds, full_look) if each is not None]
        return Fetched((), min(waits, default=None))

    async def _fetch_waiting(self, limit: int, *, is_full: bool) -> list[PostgresDelivery]:
        order, positions = self._order.queues(), self._positions
        begin = time.monotonic()
        is_full = is_full or positions.is_full_look_due(begin)
        parts = positions.parts(order, is_full=is_full)
        rows = await self._take(FETCH, limit, *map(list, zip(*parts, strict=True)))
        if is_full:
            positions.looked(begin, time.monotonic())
        turns = {queue: turn for turn, queue in enumerate(order)}
        rows = sorted(rows, key=lambda row: (turns[row["queue"]], row["rank"], row["id"]))
        for row in rows:
            positions.reached(row["queue"], row["rank"], row["id"], begin)
        self._order.served(rows[0]["queue"] if rows else None)
        return self._deliveries(rows)

    async def _take(self, statement: str, limit: int, *arguments: object) -> Sequence[Record]:
        """Lease messages; if the reply is lost, remember to give them back."""
        batch = random.getrandbits(62)
        values = (limit, self._lease, self._owner, batch, *arguments)
        try:
            return await self._connections.claims.fetch(statement, *values)
        except PostgresUnreachableError:
            self._lost_batches = [*self._lost_batches, batch][-MAX_LOST_BATCHES:]
            raise

    async def _give_back_lost(self) -> None:
        """Give back what fetches have leased whose replies were lost.

        It never reached a worker, so no attempt is counted, and no loss.
        """
        if self._lost_batches:
            batches = self._lost_batches
            await self._connections.claims.fetch(GIVE_BACK, self._queues, batches)
            self._lost_batches = [each for each in self._lost_batches if each not in batches]
            self.wakeup.is_front = True

    def _deliveries(self, rows: Sequence[Record]) -> list[PostgresDelivery]:
        return [
            LeasedDelivery(
                row["body"],
                queue=self._settler,
                token=LeaseToken(row["id"], row["fence"]),
                task_id=row["task_id"],
                attempt=row["attempt"],
                unsettled=row["unsettled"],
                lease=self._lease,
                aborted=row["aborted"],
                expired=row["expired"],
            )
            for row in rows
        ]
