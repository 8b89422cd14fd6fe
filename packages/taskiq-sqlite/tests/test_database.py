"""The file itself: opened, refused, shared, locked, migrated, kept small."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import BrokerConnectionError, ResultBackendError
from taskiq_sqlite import (
    Database,
    DatabaseBusyError,
    DatabaseError,
    DatabaseFileError,
    SchemaVersionError,
    SQLiteBroker,
    SQLiteResultBackend,
    SQLiteScheduleSource,
)
from taskiq_sqlite.keeping import VACUUMED, shrink
from taskiq_sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate
from taskiq_sqlite.transaction import Transaction, each
from taskiq_testservers.sqlite_workers import PATIENCE, message, until


async def open_and_close(path: Path, **options: Any) -> None:
    database = Database(path, **options)
    try:
        await database.open()
    finally:
        await database.close()


def query(path: Path, sql: str) -> Any:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


OPEN_AS_NOBODY = """
import asyncio, os, sys, encodings.idna
from taskiq_sqlite import Database, DatabaseFileError
async def main():
    database = Database(sys.argv[1])
    if os.getuid() == 0:  # root may write everywhere
        os.setgid(65534)
        os.setuid(65534)
    try:
        await database.open()
    except DatabaseFileError as error:
        print(error)
    await asyncio.wait_for(database.close(), 20)
asyncio.run(main())
"""


class TestPlaces:
    async def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseFileError, match=r"does not exist\. Create it first"):
            await open_and_close(tmp_path / "nowhere" / "tasks.db")

    async def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseFileError, match="it is a folder"):
            await open_and_close(tmp_path)

    async def test_no_database(self, path: Path) -> None:
        path.write_text("This is a text, and long enough to be looked at. " * 50)

        with pytest.raises(DatabaseFileError, match="it is no SQLite database"):
            await open_and_close(path)

    async def test_the_database_of_another_program(self, path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE users (name TEXT)")
        connection.close()

        with pytest.raises(DatabaseFileError, match="another program"):
            await open_and_close(path)

    @pytest.mark.parametrize("name", ["", ":memory:", "sqlite:///tasks.db"])
    def test_what_is_no_path(self, name: str) -> None:
        with pytest.raises(DatabaseFileError):
            Database(name)

    async def test_a_network_file_system(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("taskiq_sqlite.location.network_file_system", lambda folder: "nfs4")

        with pytest.raises(DatabaseFileError, match=r"network file system \(nfs4\)"):
            await open_and_close(path)
        await open_and_close(path, allow_network_file_system=True)

    @pytest.mark.parametrize(
        ("what", "part"),
        [("file", "read-only"), ("folder", "right to write to its folder")],
    )
    def test_read_only(self, what: str, part: str) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "tasks.db"
            if what == "file":
                asyncio.run(open_and_close(path))
                path.chmod(0o444)
            folder.chmod(0o777 if what == "file" else 0o555)

            done = subprocess.run(
                [sys.executable, "-c", OPEN_AS_NOBODY, str(path)],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )

        assert part in done.stdout, done.stderr

    async def test_errors_are_of_the_broker_and_of_results(self) -> None:
        assert issubclass(DatabaseError, BrokerConnectionError)
        assert issubclass(DatabaseError, ResultBackendError)

    async def test_once_the_cause_is_mended_the_same_object_works(self, tmp_path: Path) -> None:
        broker = SQLiteBroker(tmp_path / "later" / "tasks.db")
        with pytest.raises(DatabaseFileError):
            await broker.startup()

        (tmp_path / "later").mkdir()

        await broker.kick(message())
        await broker.shutdown()


class TestLocks:
    async def test_a_lock_that_is_let_go_is_waited_for(self, path: Path) -> None:
        database = Database(path)
        await database.open()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        broker = SQLiteBroker(database)
        sending = asyncio.create_task(broker.kick(message()))
        await asyncio.sleep(0.05)
        assert not sending.done()

        other.execute("COMMIT")

        await asyncio.wait_for(sending, PATIENCE)
        other.close()
        await database.close()

    async def test_one_that_is_kept_is_a_clear_error(self, path: Path) -> None:
        database = Database(path, busy_timeout=0.05)
        await database.open()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        broker = SQLiteBroker(database)

        with pytest.raises(
            DatabaseBusyError, match=r"locked by another process for more than 0.05"
        ):
            await broker.kick(message())
        assert (await broker.stats()).waiting == 0  # reading needs no lock

        other.close()
        await broker.kick(message())
        await database.close()

    async def test_many_open_it_at_once(self, path: Path) -> None:
        databases = [Database(path) for _ in range(8)]

        await asyncio.gather(*(database.open() for database in databases))

        await asyncio.gather(*(database.close() for database in databases))


class TestTransactions:
    async def test_one_that_fails_does_not_spoil_the_others(self, path: Path) -> None:
        database = Database(path)
        await database.open()
        broker = SQLiteBroker(database)
        spoiled = message("bad\udcff")  # no UTF-8

        outcomes = await asyncio.gather(
            broker.kick(message("a")),
            broker.kick(spoiled),
            broker.kick(message("b")),
            return_exceptions=True,
        )

        assert isinstance(outcomes[1], UnicodeEncodeError)
        assert outcomes[::2] == [None, None]
        assert (await broker.stats()).waiting == 2
        await database.close()

    async def test_what_is_given_up_before_its_turn_is_not_done(self, path: Path) -> None:
        database = Database(path)
        entered, leave = threading.Event(), threading.Event()

        @each
        def block(transaction: Transaction, item: None) -> None:
            entered.set()
            leave.wait(PATIENCE)

        blocking = asyncio.create_task(database.write(block, None))
        await asyncio.to_thread(entered.wait, PATIENCE)
        broker = SQLiteBroker(database)
        sending = asyncio.create_task(broker.kick(message()))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait({sending})
        leave.set()
        await blocking

        assert (await broker.stats()).waiting == 0
        await database.close()

    async def test_synchronous_is_set(self, path: Path) -> None:
        @each
        def pragma(transaction: Transaction, name: str) -> Any:
            return transaction.value(f"PRAGMA {name}")

        for mode, value in (("normal", 1), ("full", 2)):
            database = Database(path, synchronous=mode)
            assert await database.read(pragma, "synchronous") == value
            assert await database.read(pragma, "journal_mode") == "wal"
            assert await database.read(pragma, "auto_vacuum") == 2
            await database.close()


class TestSharing:
    async def test_all_parts_share_one_thread(self, path: Path) -> None:
        broker = SQLiteBroker(path)
        source = SQLiteScheduleSource(broker.database)
        results: SQLiteResultBackend[Any] = SQLiteResultBackend(broker.database)
        await broker.startup()
        await source.startup()
        await results.is_result_ready("a")

        threads = [each for each in threading.enumerate() if each.name == "taskiq-sqlite"]

        assert len(threads) == 1
        await source.shutdown()
        await results.shutdown()
        assert threads[0].is_alive()
        await broker.shutdown()
        assert not threads[0].is_alive()

    def test_a_forked_process_gets_a_connection_of_its_own(self, path: Path) -> None:
        program = (
            "import asyncio, os, sys, warnings\n"
            "warnings.simplefilter('ignore')\n"
            "from taskiq_core.messages.message import BrokerMessage\n"
            "from taskiq_sqlite import SQLiteBroker\n"
            "broker = SQLiteBroker(sys.argv[1])\n"
            "def kick(name):\n"
            "    message = BrokerMessage(task_id=name, task_name='t', message=b'', labels={})\n"
            "    asyncio.run(broker.kick(message))\n"
            "kick('before')\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    kick('child'); asyncio.run(broker.shutdown()); os._exit(0)\n"
            "assert os.waitpid(pid, 0)[1] == 0\n"
            "kick('after')\n"
            "print(asyncio.run(broker.stats()).waiting)\n"
            "asyncio.run(broker.shutdown())\n"
        )

        done = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )

        assert done.stdout == "3\n"
        assert query(path, "PRAGMA integrity_check") == "ok"


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


async def test_free_space_is_given_back_in_steps(path: Path) -> None:
    broker = SQLiteBroker(path)
    for _ in range(20):
        await broker.kick_many([message(body=b"x" * 4_000) for _ in range(100)])
    await broker.purge()
    full = query(path, "PRAGMA page_count")

    steps = 0
    while await broker.database.write(shrink, VACUUMED):
        steps += 1

    assert steps > 1
    assert query(path, "PRAGMA page_count") <= full / 2
    await broker.shutdown()


async def test_pipes_of_dead_processes_are_removed(path: Path) -> None:
    broker = SQLiteBroker(path)
    await broker.kick(message())
    folder = path.with_name("tasks.db-wake")
    folder.mkdir()
    os.mkfifo(folder / "messages-1-dead")
    (folder / "messages-no-pipe").touch()

    await broker.kick(message())

    await until(lambda: {each.name for each in folder.iterdir()} == {"messages-no-pipe"})
    await broker.shutdown()


@pytest.mark.parametrize("make", [SQLiteBroker, SQLiteResultBackend])
async def test_commands_that_look_create_no_file(tmp_path: Path, make: Any) -> None:
    """A misspelt path is an error, where a new file would look like an empty queue."""
    part = make(tmp_path / "typo.db")
    part.may_create = False

    with pytest.raises(DatabaseFileError, match="no such file, and a command creates none"):
        await part.startup()
    await part.shutdown()

    assert list(tmp_path.iterdir()) == []
