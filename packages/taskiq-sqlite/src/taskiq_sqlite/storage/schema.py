"""The tables of a file, and the migration of older files to them.

A script never changes once it is released; a change is one more script.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from taskiq_sqlite.errors import DatabaseFileError, SchemaVersionError

APPLICATION_ID: Final = 0x7461736B
"""Marks our files, "task" in ASCII; `file` and `PRAGMA application_id` show it."""

_QUEUE_AND_RESULTS: Final = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    state INTEGER NOT NULL,                -- 0 waits, 1 is delayed, 2 is with a worker
    aborted INTEGER NOT NULL DEFAULT 0,    -- 1 if its abort was asked for
    priority INTEGER NOT NULL,
    due REAL NOT NULL,                     -- seconds since the epoch, as all points in time
    expires REAL,                          -- when it is too late to start it
    expires_after REAL,                    -- the same in seconds after sending, for replays
    unique_key TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,    -- deliveries so far
    unsettled INTEGER NOT NULL DEFAULT 0,  -- those of them whose lease ran out
    fence INTEGER,                         -- number of the delivery, while it is with a worker
    lease_until REAL,                      -- likewise
    sent_at REAL NOT NULL,
    body BLOB NOT NULL
);
-- Each state has its own small index, ordered as it is asked for. `state` comes first, although it
-- is always the same, so that the planner searches where it would say that it scans.
CREATE INDEX messages_waiting ON messages (state, aborted DESC, priority DESC, due, id)
    WHERE state = 0;
CREATE INDEX messages_delayed ON messages (state, due) WHERE state = 1;
CREATE INDEX messages_delivered ON messages (state, lease_until) WHERE state = 2;
CREATE INDEX messages_expiring ON messages (expires) WHERE expires IS NOT NULL AND state < 2;
CREATE INDEX messages_aborted ON messages (aborted, state) WHERE aborted = 1;
CREATE INDEX messages_by_task ON messages (task_id);
CREATE UNIQUE INDEX messages_unique ON messages (unique_key) WHERE unique_key IS NOT NULL;

CREATE TABLE fence (value INTEGER NOT NULL);  -- one row: deliveries ever made
INSERT INTO fence VALUES (0);

CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    expires_after REAL,
    unique_key TEXT,
    attempt INTEGER NOT NULL,
    reason TEXT NOT NULL,
    error TEXT,
    buried_at REAL NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- only grows: readers ask for those after the last
    task_id TEXT NOT NULL UNIQUE,
    fence INTEGER,                          -- which delivery it came from
    expires REAL,
    body BLOB NOT NULL
);
CREATE INDEX results_expiring ON results (expires) WHERE expires IS NOT NULL;

CREATE TABLE progress (
    task_id TEXT PRIMARY KEY,
    expires REAL,
    body BLOB NOT NULL
);
CREATE INDEX progress_expiring ON progress (expires) WHERE expires IS NOT NULL;
"""

_SCHEDULES: Final = """
CREATE TABLE schedules (
    schedule_id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE claims (
    schedule_id TEXT NOT NULL,
    tick INTEGER NOT NULL,                  -- microseconds since the epoch
    until REAL,                             -- when another may claim it; NULL once it is confirmed
    PRIMARY KEY (schedule_id, tick)
) WITHOUT ROWID;
CREATE TABLE last_ticks (
    schedule_id TEXT PRIMARY KEY,
    tick INTEGER NOT NULL
) WITHOUT ROWID;
"""

_ABANDONED_CLAIMS: Final = """
CREATE INDEX claims_open ON claims (until) WHERE until IS NOT NULL;
CREATE INDEX claims_done ON claims (tick) WHERE until IS NULL;
"""

_CLAIM_MEMORY: Final = """
ALTER TABLE claims ADD COLUMN confirmed REAL;  -- when it was, so that it is kept for so long
UPDATE claims SET confirmed = strftime('%s', 'now') WHERE until IS NULL;
DROP INDEX claims_done;
CREATE INDEX claims_done ON claims (confirmed) WHERE until IS NULL;
DELETE FROM last_ticks WHERE schedule_id NOT IN (SELECT schedule_id FROM schedules);
"""

# Processes of older versions that have the file open go on: their statements name the columns, and
# they see neither the states nor the tables that are new.
_QUEUES_WORKERS_HISTORY: Final = """
ALTER TABLE messages ADD COLUMN queue TEXT NOT NULL DEFAULT '';  -- '' is the default queue
ALTER TABLE messages ADD COLUMN owner TEXT;                      -- the worker that has it
-- States 3, 4 and 5 are 0, 1 and 2 in other queues than the default one.
CREATE INDEX messages_waiting_named ON messages (queue, aborted DESC, priority DESC, due, id)
    WHERE state = 3;
CREATE INDEX messages_delayed_named ON messages (queue, due) WHERE state = 4;
CREATE INDEX messages_delivered_named ON messages (state, lease_until, queue) WHERE state = 5;
CREATE INDEX messages_expiring_named ON messages (expires)
    WHERE expires IS NOT NULL AND state IN (3, 4);
ALTER TABLE dead_letters ADD COLUMN queue TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN sent_at REAL;
CREATE INDEX dead_letters_by_queue ON dead_letters (queue, id);
CREATE INDEX dead_letters_by_task ON dead_letters (task_id);
CREATE INDEX dead_letters_by_key ON dead_letters (unique_key) WHERE unique_key IS NOT NULL;

CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    is_paused INTEGER NOT NULL DEFAULT 0,
    -- Kept by each transaction, as triggers would cost a tenth of what sending many costs. Older
    -- versions don't keep them: they are corrected when a queue is small enough to be counted.
    total INTEGER NOT NULL DEFAULT 0,      -- messages in any state
    delayed INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO queues (name, total, delayed, dead) VALUES ('', (SELECT count(*) FROM messages),
    (SELECT count(*) FROM messages WHERE state = 1), (SELECT count(*) FROM dead_letters));
CREATE TRIGGER dead_letters_inserted AFTER INSERT ON dead_letters BEGIN
    UPDATE queues SET dead = dead + 1 WHERE name = NEW.queue;
END;
CREATE TRIGGER dead_letters_deleted AFTER DELETE ON dead_letters BEGIN
    UPDATE queues SET dead = dead - 1 WHERE name = OLD.queue;
END;

CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    expires REAL NOT NULL,
    body TEXT NOT NULL                     -- a WorkerRecord as JSON
) WITHOUT ROWID;

CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    task_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    ending TEXT NOT NULL,                  -- a DeliveryEnd
    ended_at REAL NOT NULL,
    body TEXT NOT NULL                     -- a DeliveryRecord as JSON
);
CREATE INDEX history_by_queue ON history (queue, id);
CREATE INDEX history_by_task ON history (task_id);
CREATE INDEX history_by_age ON history (ended_at);
CREATE TABLE minute_counters (
    minute REAL NOT NULL,
    task_name TEXT NOT NULL,
    body TEXT NOT NULL,                    -- a MinuteCounters as JSON
    PRIMARY KEY (minute, task_name)
) WITHOUT ROWID;

CREATE TABLE schedules_revision (value INTEGER NOT NULL);  -- one row: grows with each change
INSERT INTO schedules_revision VALUES (0);
CREATE TRIGGER schedules_inserted AFTER INSERT ON schedules BEGIN
    UPDATE schedules_revision SET value = value + 1;
END;
CREATE TRIGGER schedules_updated AFTER UPDATE ON schedules BEGIN
    UPDATE schedules_revision SET value = value + 1;
END;
CREATE TRIGGER schedules_deleted AFTER DELETE ON schedules BEGIN
    UPDATE schedules_revision SET value = value + 1;
END;
-- As `claims` and `last_ticks`, of schedules that are not in this file: labels of tasks.
CREATE TABLE broker_claims (
    schedule_id TEXT NOT NULL,
    tick INTEGER NOT NULL,
    until REAL,
    confirmed REAL,
    PRIMARY KEY (schedule_id, tick)
) WITHOUT ROWID;
CREATE INDEX broker_claims_open ON broker_claims (until) WHERE until IS NOT NULL;
CREATE INDEX broker_claims_done ON broker_claims (confirmed) WHERE until IS NULL;
CREATE TABLE broker_last_ticks (
    schedule_id TEXT PRIMARY KEY,
    tick INTEGER NOT NULL,
    confirmed REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX broker_last_ticks_by_age ON broker_last_ticks (confirmed);
"""

_FAILURES: Final = """
ALTER TABLE messages ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- of the task
"""

MIGRATIONS: Final = (
    _QUEUE_AND_RESULTS,
    _SCHEDULES,
    _ABANDONED_CLAIMS,
    _CLAIM_MEMORY,
    _QUEUES_WORKERS_HISTORY,
    _FAILURES,
)
"""The script at index n migrates version n to version n + 1."""


def migrate(
    connection: sqlite3.Connection, path: str, *, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Migrate a file to the newest version, in one transaction; other connections wait meanwhile.

    Args:
        connection: to the file.
        path: of the file, for errors.
        migrations: tests pass those of an older version.

    Raises:
        SchemaVersionError: the file is newer.
        DatabaseFileError: the file belongs to another program.
    """
    connection.execute("BEGIN")  # one snapshot: another process may migrate between two reads
    try:
        found = _version(connection, path, known=len(migrations))
    finally:
        if connection.in_transaction:  # some errors of the disk have ended it
            connection.execute("ROLLBACK")
    if found == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again: another process may have been faster.
        for number in range(_version(connection, path, known=len(migrations)), len(migrations)):
            for statement in _statements(migrations[number]):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: str, *, known: int) -> int:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        reason = "it is the database of another program. Give taskiq a file of its own."
        raise DatabaseFileError(address=path, reason=reason)
    if version > known:
        raise SchemaVersionError(address=path, found=version, known=known)
    return int(version)


def _statements(script: str) -> list[str]:
    """Return the statements of a script; `executescript` would commit in between."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
