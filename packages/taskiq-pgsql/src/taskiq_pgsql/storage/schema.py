"""The tables, their versions, and the migration of older tables to them.

A script never changes once it is released; a change is one more script. Processes of older versions
go on while the tables are migrated: a script adds, and keeps what older versions use. Where that
can't be, `OLDEST` grows, and older versions refuse to start.
"""

from collections.abc import Sequence
from typing import Final

from taskiq_core.loggers import get_logger
from taskiq_pgsql.errors import SchemaError, SchemaVersionError
from taskiq_pgsql.storage.connection import HeldConnection
from taskiq_pgsql.storage.server import Server

logger = get_logger(__name__)

_TABLES: Final = """
CREATE TABLE {s}.queues (
    name text COLLATE "C" PRIMARY KEY,
    is_paused boolean NOT NULL DEFAULT false
);

CREATE TABLE {s}.messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fence bigint NOT NULL DEFAULT 0,       -- number of the last delivery; grows with each
    batch bigint,                          -- the fetch that leased it
    sent_at timestamptz NOT NULL,
    due timestamptz,                       -- when a delayed message may be delivered
    expires timestamptz,                   -- when it is too late to start it
    lease_until timestamptz,
    expires_after double precision,        -- as `expires`, in seconds after sending, for replays
    rank integer NOT NULL DEFAULT 0,       -- minus the priority: lower ones first
    attempt integer NOT NULL DEFAULT 0,    -- deliveries so far
    unsettled integer NOT NULL DEFAULT 0,  -- those of them that ended without being settled
    state smallint NOT NULL DEFAULT 0,     -- 0 waits, 1 is delayed, 2 is with a worker
    aborted boolean NOT NULL DEFAULT false,
    queue text COLLATE "C" NOT NULL,
    unique_key text COLLATE "C",
    owner text COLLATE "C",                -- the worker that has it
    task_id text COLLATE "C" NOT NULL,
    task_name text COLLATE "C" NOT NULL,
    body bytea NOT NULL
) WITH (
    fillfactor = 85,
    -- Rows live for seconds: vacuum by number of dead rows, whatever the size of the table, and
    -- without pauses; analyze rarely, as the statements don't depend on it.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000,
    toast.autovacuum_vacuum_cost_delay = 0, toast.vacuum_truncate = off
);
ALTER TABLE {s}.messages ALTER body SET STORAGE EXTERNAL;  -- no time for compression
-- Each state has its own small index, in the order in which it is asked for.
CREATE INDEX messages_waiting ON {s}.messages (queue, rank, id) WHERE state = 0;
CREATE INDEX messages_delayed ON {s}.messages (queue, due, id) WHERE state = 1;
CREATE INDEX messages_delivered ON {s}.messages (queue) WHERE state = 2;
CREATE INDEX messages_expiring ON {s}.messages (expires) WHERE expires IS NOT NULL AND state < 2;
CREATE INDEX messages_aborted ON {s}.messages (queue, id) WHERE aborted;
CREATE INDEX messages_by_task ON {s}.messages USING hash (task_id);
CREATE UNIQUE INDEX messages_unique ON {s}.messages (queue, (md5(unique_key)::uuid))
    WHERE unique_key IS NOT NULL;

CREATE TABLE {s}.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    task_name text COLLATE "C" NOT NULL,
    rank integer NOT NULL,
    expires_after double precision,
    unique_key text COLLATE "C",
    attempt integer NOT NULL,
    sent_at timestamptz NOT NULL,
    buried_at timestamptz NOT NULL,
    reason text NOT NULL,
    error text,
    body bytea NOT NULL
);
ALTER TABLE {s}.dead_letters ALTER body SET STORAGE EXTERNAL;
CREATE INDEX dead_letters_by_queue ON {s}.dead_letters (queue, id);
CREATE INDEX dead_letters_by_task ON {s}.dead_letters USING hash (task_id);
CREATE INDEX dead_letters_by_key ON {s}.dead_letters USING hash (unique_key)
    WHERE unique_key IS NOT NULL;

CREATE TABLE {s}.results (
    task_id text COLLATE "C" NOT NULL,
    fence bigint,                          -- which delivery it came from
    expires timestamptz,
    body bytea NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE {s}.results ALTER body SET STORAGE EXTERNAL;
-- An id may be longer than an entry of an index.
CREATE UNIQUE INDEX results_by_task ON {s}.results ((md5(task_id)::uuid));
CREATE INDEX results_expiring ON {s}.results (expires) WHERE expires IS NOT NULL;
CREATE TABLE {s}.progress (
    task_id text COLLATE "C" NOT NULL,
    expires timestamptz,
    body bytea NOT NULL
);
CREATE UNIQUE INDEX progress_by_task ON {s}.progress ((md5(task_id)::uuid));
CREATE INDEX progress_expiring ON {s}.progress (expires) WHERE expires IS NOT NULL;

CREATE TABLE {s}.workers (
    worker_id text COLLATE "C" PRIMARY KEY,
    expires timestamptz NOT NULL,
    body text NOT NULL                     -- a WorkerRecord as JSON
);

CREATE TABLE {s}.history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id text COLLATE "C" NOT NULL,
    task_name text COLLATE "C" NOT NULL,
    ending text COLLATE "C" NOT NULL,      -- a DeliveryEnd
    added_at timestamptz NOT NULL,
    body text NOT NULL                     -- a DeliveryRecord as JSON
);
CREATE INDEX history_by_age ON {s}.history (added_at);
CREATE INDEX history_by_task ON {s}.history USING hash (task_id);
CREATE TABLE {s}.minute_counters (
    minute timestamptz NOT NULL,
    task_name text COLLATE "C" NOT NULL,
    body text NOT NULL                     -- a MinuteCounters as JSON
);
CREATE UNIQUE INDEX minute_counters_by_task
    ON {s}.minute_counters (minute, (md5(task_name)::uuid));

CREATE TABLE {s}.schedules (
    schedule_id text COLLATE "C" PRIMARY KEY,
    due timestamptz,                       -- when it fires, if it fires once
    body text NOT NULL
);
CREATE TABLE {s}.ticks (
    scope text COLLATE "C" NOT NULL,       -- 'broker', or 'schedules' for those of the table
    schedule_id text COLLATE "C" NOT NULL,
    tick bigint NOT NULL,                  -- microseconds since the epoch
    until timestamptz,                     -- when another may claim it; NULL once it is confirmed
    confirmed timestamptz,
    PRIMARY KEY (scope, schedule_id, tick)
);
CREATE INDEX ticks_open ON {s}.ticks (until) WHERE until IS NOT NULL;
CREATE INDEX ticks_done ON {s}.ticks (confirmed) WHERE until IS NULL;
CREATE TABLE {s}.last_ticks (
    scope text COLLATE "C" NOT NULL,
    schedule_id text COLLATE "C" NOT NULL,
    tick bigint NOT NULL,
    confirmed timestamptz NOT NULL,
    PRIMARY KEY (scope, schedule_id)
);
CREATE INDEX last_ticks_by_age ON {s}.last_ticks (confirmed);
"""

MIGRATIONS: Final = (_TABLES,)
"""The script at index n migrates version n to version n + 1."""
OLDEST: Final = 1
"""The oldest version whose package can use the newest tables."""

_SCHEMA: Final = "CREATE SCHEMA IF NOT EXISTS {s};"
_VERSIONS: Final = """
CREATE TABLE IF NOT EXISTS {s}.schema_versions (
    version integer PRIMARY KEY,
    oldest integer NOT NULL,               -- the oldest version whose package can use these tables
    migrated_at timestamptz NOT NULL DEFAULT now()
);
"""
_NOTE: Final = "INSERT INTO {s}.schema_versions (version, oldest) VALUES ({version}, {oldest});"
# Not by to_regclass, which may remember what another process has changed since.
_HAS_SCHEMA: Final = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
_EXISTS: Final = """
SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relname = 'schema_versions')
"""
_VERSION: Final = "SELECT max(version), max(oldest) FROM {s}.schema_versions"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


async def ensure(connection: HeldConnection, server: Server, *, may_create: bool) -> None:
    """Check that the tables are there and can be used; create or migrate them if that is allowed.

    Args:
        connection: to the database.
        server: knows the schema.
        may_create: whether to create and migrate.

    Raises:
        SchemaError: they are missing or too old, and may not be created.
        SchemaVersionError: they are too new.
        PostgresRightsError: the role may not create them.
    """
    found = await version(connection, server)
    if found == len(MIGRATIONS):
        return
    if not may_create:
        raise SchemaError(address=server.address, schema=server.schema)
    await migrate(connection, server)


async def version(connection: HeldConnection, server: Server) -> int:
    """Return the version of the tables, at most the newest known one; 0 if there are none.

    Raises:
        SchemaVersionError: they are so new that they can't be used.
    """
    if not await connection.value(_EXISTS, server.schema):
        return 0
    [row] = await connection.fetch(_VERSION)
    found, oldest = row[0] or 0, row[1] or 0
    if oldest > len(MIGRATIONS):
        raise SchemaVersionError(
            address=server.address, schema=server.schema, found=found, known=len(MIGRATIONS)
        )
    return min(int(found), len(MIGRATIONS))


async def migrate(connection: HeldConnection, server: Server) -> int:
    """Create or migrate the tables, in one transaction; several processes may do so at once.

    Returns:
        The number of scripts that were run.
    """
    async with connection.transaction() as transaction:
        await transaction.fetch(_LOCK, f"taskiq {server.schema}")
        [[exists]] = await transaction.fetch(_EXISTS, server.schema)
        found = 0
        if exists:
            [row] = await transaction.fetch(_VERSION)
            found = row[0] or 0
        missing = range(found, len(MIGRATIONS))
        if missing:
            # Asked, as a role that has its schema need not have the right to create one.
            [[has_schema]] = await transaction.fetch(_HAS_SCHEMA, server.schema)
            await transaction.script(script_from(found, with_schema=not has_schema))
            logger.info(
                "Tables of taskiq in schema %r of %s: version %d, before %d",
                server.schema,
                server.address,
                len(MIGRATIONS),
                found,
            )
    return len(missing)


def script_from(
    found: int, *, with_schema: bool = True, migrations: Sequence[str] = MIGRATIONS
) -> str:
    """Return the SQL that migrates tables of a version; with `{s}` in place of the schema.

    Args:
        found: the version; 0 where there are no tables.
        with_schema: whether to create the schema, too, where there are no tables.
        migrations: tests pass others.
    """
    parts = ([_SCHEMA] if with_schema else []) + [_VERSIONS] if found == 0 else []
    for number in range(found, len(migrations)):
        note = _NOTE.replace("{version}", str(number + 1)).replace("{oldest}", str(OLDEST))
        parts += [migrations[number], note]
    return "\n".join(part.strip("\n") for part in parts) + "\n"
