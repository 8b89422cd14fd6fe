"""A broker in one SQLite file that has every capability operators use; for tests only.

It reads plainly and is slow. A project that installs it as a plugin has the scheme `store`.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import BrokerError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.history import (
    BUCKETS,
    DeliveryEnd,
    DeliveryRecord,
    HistoryPage,
    MinuteCounters,
)
from taskiq_core.messages.labels import DELAY, PRIORITY, QUEUE_NAME, UNIQUE_KEY
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.plugins import BrokerSpec, hookimpl
from taskiq_sqlite import SQLiteResultBackend

TASKIQ_PLUGIN_API = (1, 0)
DEFAULT_QUEUE = "default"
ENTRY_POINTS = "[taskiq]\nstore = store_broker\n"
"""Of a distribution whose module `store_broker` is this one."""
LOOKED_AT = 5
"""Messages that a page looks at; so few that tests meet pages that are shorter than their limit."""

CAPABILITIES = frozenset(
    {
        Capability.ACK,
        Capability.RELEASE,
        Capability.DELAY,
        Capability.PRIORITY,
        Capability.UNIQUE,
        Capability.DEAD_LETTER,
        Capability.QUEUES,
        Capability.INSPECT,
        Capability.PRESENCE,
        Capability.PAUSE,
        Capability.HISTORY,
    }
)
SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, is_paused INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, task_id TEXT, task_name TEXT, queue TEXT, state TEXT, body BLOB,
    attempt INTEGER DEFAULT 0, priority INTEGER, unique_key TEXT, sent_at REAL, due_at REAL,
    owner TEXT, reason TEXT, error TEXT, buried_at REAL, position REAL
);
CREATE TABLE IF NOT EXISTS workers (worker_id TEXT PRIMARY KEY, record TEXT, ends_at REAL);
CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, record TEXT);
CREATE TABLE IF NOT EXISTS counters (minute TEXT, task_name TEXT, record TEXT);
"""


class StoreMissingError(BrokerError):
    """There is no such file, and it is not to be created."""

    __template__ = "There is no file {path}"
    path: str


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """The broker of this module, for URLs such as store:///tasks.store."""
    return [
        BrokerSpec(
            name="store",
            schemes=("store",),
            factory=f"{__name__}:StoreBroker",
            capabilities=CAPABILITIES,
        )
    ]


class StoreDelivery(Delivery):
    """A message whose row says that a worker has it."""

    def __init__(self, broker: "StoreBroker", row: sqlite3.Row) -> None:
        super().__init__(row["body"], attempt=row["attempt"], task_id=row["task_id"], unsettled=0)
        self._broker, self._row = broker, row["id"]

    async def ack(self) -> None:
        self._broker.execute("DELETE FROM messages WHERE id = ?", self._row)

    async def release(self, delay: float = 0) -> None:
        due = time.time() + delay
        self._broker.execute(
            "UPDATE messages SET state = 'delayed', due_at = ?, position = ?, owner = NULL"
            " WHERE id = ?",
            *(due, due, self._row),
        )

    async def bury(self, reason: str, error: str | None = None) -> None:
        self._broker.execute(
            "UPDATE messages SET state = 'dead', reason = ?, error = ?, buried_at = ?, position = 0"
            " WHERE id = ?",
            *(reason, error, time.time(), self._row),
        )


class StoreBroker(AsyncBroker):
    """Keeps everything in a file; `store:///tasks.store` names it."""

    capabilities = CAPABILITIES

    def __init__(self, path: Path) -> None:
        super().__init__(SQLiteResultBackend(f"{path}.results"))
        self.path = path
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        return cls(Path(url.removeprefix("store:///")), **options)

    async def startup(self) -> None:
        if not self.may_create and not self.path.exists():
            raise StoreMissingError(path=str(self.path))
        self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=20)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(SCHEMA)
        self.execute("INSERT OR IGNORE INTO queues (name) VALUES (?)", DEFAULT_QUEUE)
        await super().startup()

    async def shutdown(self) -> None:
        await super().shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        assert self._connection is not None, "the broker is not started"
        return self._connection.execute(sql, values)

    def _count(self, sql: str, *values: object) -> int:
        return self.execute(sql, *values).rowcount

    # -- messages -----------------------------------------------------------------------------

    async def kick(self, message: BrokerMessage) -> None:
        labels, now = message.labels, time.time()
        queue = labels.get(QUEUE_NAME, DEFAULT_QUEUE)
        delay, priority = float(labels.get(DELAY, 0)), int(labels.get(PRIORITY, 0))
        self.execute("INSERT OR IGNORE INTO queues (name) VALUES (?)", queue)
        self.execute(
            "INSERT INTO messages (task_id, task_name, queue, state, body, priority, unique_key,"
            " sent_at, due_at, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(message.task_id, message.task_name, queue, "delayed" if delay else "waiting"),
            *(message.message, priority, labels.get(UNIQUE_KEY), now, now + delay),
            now + delay if delay else -priority,
        )

    async def listen(self) -> AsyncGenerator[Delivery, None]:
        while True:
            row = self._fetch()
            if row is None:
                await asyncio.sleep(0.01)
            else:
                yield StoreDelivery(self, row)

    def _fetch(self) -> sqlite3.Row | None:
        self._wake_due()
        names = list(self.queues.weights) if self.queues else [DEFAULT_QUEUE]
        marks = ",".join("?" * len(names))
        found: sqlite3.Row | None = self.execute(
            "UPDATE messages SET state = 'delivered', attempt = attempt + 1, owner = ?,"
            " position = 0 WHERE id = (SELECT messages.id FROM messages JOIN queues"
            f" ON queues.name = queue WHERE state = 'waiting' AND NOT is_paused"
            f" AND queue IN ({marks}) ORDER BY position, messages.id LIMIT 1) RETURNING *",
            *(self.worker_id, *names),
        ).fetchone()
        return found

    def _wake_due(self) -> None:
        self.execute(
            "UPDATE messages SET state = 'waiting', position = -priority"
            " WHERE state = 'delayed' AND due_at <= ?",
            time.time(),
        )

    # -- queues -------------------------------------------------------------------------------

    async def queue_names(self) -> Sequence[str]:
        names = [row["name"] for row in self.execute("SELECT name FROM queues ORDER BY name")]
        return sorted(names, key=lambda name: name != DEFAULT_QUEUE)

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        self._wake_due()
        rows = self.execute(
            "SELECT state, count(*), min(sent_at) FROM messages WHERE queue = ? GROUP BY state",
            queue or DEFAULT_QUEUE,
        )
        counts = {state: (count, sent_at) for state, count, sent_at in rows}
        oldest = counts.get("waiting", (0, None))[1]
        return QueueStats(
            **{state.value: counts.get(state.value, (0, None))[0] for state in MessageState},
            oldest_age=None if oldest is None else time.time() - oldest,
            is_paused=await self.is_paused(queue=queue),
        )

    async def messages(
        self,
        state: MessageState,
        *,
        queue: str | None = None,
        where: MessageFilter = ALL_MESSAGES,
        after: str | None = None,
        limit: int = 100,
        with_body: bool = False,
    ) -> MessagePage:
        self._wake_due()
        position, row_id = _position(after)
        looked_at = min(limit, LOOKED_AT)
        rows = self.execute(
            "SELECT * FROM messages WHERE state = ? AND queue = ? AND (position, id) > (?, ?)"
            " ORDER BY position, id LIMIT ?",
            *(state.value, queue or DEFAULT_QUEUE, position, row_id, looked_at),
        ).fetchall()
        found = [_info(row, with_body=with_body) for row in rows]
        return MessagePage(
            [each for each in found if where.accepts(each)],
            found[-1].key if len(found) == looked_at else None,
        )

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        return (
            self._count(
                "UPDATE messages SET state = 'waiting', position = -priority"
                " WHERE state = 'delayed' AND task_id = ? AND queue = ?",
                *(task_id, queue or DEFAULT_QUEUE),
            )
            > 0
        )

    async def pause(self, *, queue: str | None = None) -> None:
        self._set_paused(queue, True)

    async def resume(self, *, queue: str | None = None) -> None:
        self._set_paused(queue, False)

    def _set_paused(self, queue: str | None, is_paused: bool) -> None:
        self.execute(
            "INSERT INTO queues (name, is_paused) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET is_paused = excluded.is_paused",
            *(queue or DEFAULT_QUEUE, is_paused),
        )

    async def is_paused(self, *, queue: str | None = None) -> bool:
        row = self.execute("SELECT is_paused FROM queues WHERE name = ?", queue or DEFAULT_QUEUE)
        return bool((row.fetchone() or [False])[0])

    async def purge(self, *, queue: str | None = None) -> int:
        return self._count(
            "DELETE FROM messages WHERE queue = ? AND state IN ('waiting', 'delayed')",
            queue or DEFAULT_QUEUE,
        )

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        rows = self.execute(
            "SELECT * FROM messages WHERE state = 'dead' AND queue = ?"
            " ORDER BY buried_at, id LIMIT ? OFFSET ?",
            *(queue or DEFAULT_QUEUE, limit, offset),
        )
        return [_letter(row) for row in rows]

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        sql = "UPDATE messages SET state = 'waiting', attempt = 0, position = -priority"
        return self._each_letter(sql, letter_ids, queue)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        return self._each_letter("DELETE FROM messages", letter_ids, queue)

    def _each_letter(self, sql: str, letter_ids: Collection[str] | None, queue: str | None) -> int:
        sql += " WHERE state = 'dead' AND queue = ?"
        name = queue or DEFAULT_QUEUE
        if letter_ids is None:
            return self._count(sql, name)
        return sum(self._count(f"{sql} AND id = ?", name, each) for each in set(letter_ids))

    # -- workers and history ------------------------------------------------------------------

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        self.execute(
            "INSERT OR REPLACE INTO workers VALUES (?, ?, ?)",
            *(record.worker_id, record.model_dump_json(), time.time() + ttl),
        )

    async def withdraw(self, worker_id: str) -> None:
        self.execute("DELETE FROM workers WHERE worker_id = ?", worker_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        rows = self.execute(
            "SELECT record FROM workers WHERE ends_at > ? ORDER BY worker_id", time.time()
        )
        return [WorkerRecord.model_validate_json(row["record"]) for row in rows]

    async def add_history(
        self, deliveries: Sequence[DeliveryRecord], counters: Sequence[MinuteCounters]
    ) -> None:
        for delivery in deliveries:
            self.execute("INSERT INTO history (record) VALUES (?)", delivery.model_dump_json())
        for each in counters:
            values = (each.minute.isoformat(), each.task_name, each.model_dump_json())
            self.execute("INSERT INTO counters VALUES (?, ?, ?)", *values)

    async def deliveries_of_past(
        self,
        *,
        task_name: str | None = None,
        task_id: str | None = None,
        end: DeliveryEnd | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> HistoryPage:
        rows = self.execute(
            "SELECT * FROM history WHERE id < ? ORDER BY id DESC", 10**9 if after is None else after
        )
        found = [
            DeliveryRecord.model_validate_json(row["record"]).model_copy(
                update={"key": str(row["id"])}
            )
            for row in rows
        ]
        wanted = [
            each
            for each in found
            if task_name in (None, each.task_name)
            and task_id in (None, each.task_id)
            and end in (None, each.end)
        ]
        page = wanted[:limit]
        return HistoryPage(deliveries=page, after=page[-1].key if len(wanted) > limit else None)

    async def minute_counters(
        self, *, since: datetime, task_name: str | None = None
    ) -> Sequence[MinuteCounters]:
        rows = self.execute("SELECT record FROM counters ORDER BY minute, task_name")
        sums: dict[tuple[datetime, str], MinuteCounters] = {}
        for row in rows:
            each = MinuteCounters.model_validate_json(row["record"])
            if each.minute >= since and task_name in (None, each.task_name):
                key = (each.minute, each.task_name)
                sums[key] = _sum(sums[key], each) if key in sums else each
        return list(sums.values())


def _position(after: str | None) -> tuple[float, int]:
    if after is None:
        return float("-inf"), 0
    position, row_id = after.split("/")
    return float(position), int(row_id)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _info(row: sqlite3.Row, *, with_body: bool) -> MessageInfo:
    return MessageInfo(
        key=f"{row['position']}/{row['id']}",
        task_id=row["task_id"],
        task_name=row["task_name"],
        queue=row["queue"],
        state=MessageState(row["state"]),
        size=len(row["body"]),
        attempt=row["attempt"],
        sent_at=_moment(row["sent_at"]),
        due_at=_moment(row["due_at"]) if row["state"] == "delayed" else None,
        owner=row["owner"] or None,
        priority=row["priority"],
        unique_key=row["unique_key"],
        reason=row["reason"],
        error=row["error"],
        body=row["body"] if with_body else None,
    )


def _letter(row: sqlite3.Row) -> DeadLetter:
    return DeadLetter(
        letter_id=str(row["id"]),
        task_id=row["task_id"],
        task_name=row["task_name"],
        message=row["body"],
        attempt=row["attempt"],
        reason=row["reason"],
        error=row["error"],
        buried_at=datetime.fromtimestamp(row["buried_at"], UTC),
    )


def _sum(one: MinuteCounters, other: MinuteCounters) -> MinuteCounters:
    added: dict[str, Any] = {}
    for name in ("started", "succeeded", "failed", "retried", "dead", "waited_sum", "ran_sum"):
        added[name] = getattr(one, name) + getattr(other, name)
    for name in ("waited", "ran"):
        added[name] = [
            getattr(one, name)[index] + getattr(other, name)[index]
            for index in range(len(BUCKETS) + 1)
        ]
    return one.model_copy(update=added)
