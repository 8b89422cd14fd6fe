"""Files are marked, and migrated with what they hold."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from taskiq_sqlite import (
    SchemaVersionError,
    SQLiteBroker,
    SQLiteScheduleSource,
)
from taskiq_sqlite.storage.schema import APPLICATION_ID, MIGRATIONS, migrate
from taskiq_testservers.sqlite_files import open_and_close, query


class TestSchema:
    async def test_a_file_of_version_1_is_migrated_with_what_is_in_it(self, path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        migrate(connection, str(path), migrations=MIGRATIONS[:1])
        connection.execute(
            "INSERT INTO messages (task_id, task_name, state, priority, due, sent_at, body)"
            " VALUES ('old', 't', 0, 0, 1, 1, x'00')"
        )
        connection.close()
        assert query(path, "PRAGMA user_version") == 1

        broker = SQLiteBroker(path)
        source = SQLiteScheduleSource(broker.database)

        assert await source.get_schedules() == []
        assert (await broker.stats()).waiting == 1
        await broker.shutdown()
        assert query(path, "PRAGMA user_version") == len(MIGRATIONS)

    async def test_a_file_of_version_3_is_migrated_with_its_claims(self, path: Path) -> None:
        """Ticks that were sent stay so, and what schedules that are gone left is cleaned up."""
        connection = sqlite3.connect(path, isolation_level=None)
        migrate(connection, str(path), migrations=MIGRATIONS[:3])
        connection.execute("INSERT INTO schedules VALUES ('here', '{}', 1)")
        connection.execute("INSERT INTO last_ticks VALUES ('here', 5000000), ('gone', 5000000)")
        connection.execute(
            "INSERT INTO claims VALUES ('here', 5000000, NULL), ('gone', 5000000, NULL)"
        )
        connection.close()

        source = SQLiteScheduleSource(path)
        tick = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)

        assert await source.last_ticks(["here", "gone"]) == {"here": tick}
        await source.confirm("other", tick)  # which cleans up
        assert not await source.claim("gone", tick)
        assert not await source.claim("here", tick)
        await source.shutdown()

    async def test_a_newer_file_is_refused(self, path: Path) -> None:
        await open_and_close(path)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()

        with pytest.raises(SchemaVersionError, match="schema version 99") as caught:
            await open_and_close(path)

        assert (caught.value.found, caught.value.known) == (99, len(MIGRATIONS))

    async def test_a_migration_that_fails_changes_nothing(self, path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)

        with pytest.raises(sqlite3.OperationalError):
            migrate(
                connection, str(path), migrations=[*MIGRATIONS, "CREATE TABLE x(y);\nNONSENSE;"]
            )

        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        connection.close()

    async def test_the_file_is_marked(self, path: Path) -> None:
        await open_and_close(path)

        assert query(path, "PRAGMA application_id") == APPLICATION_ID
