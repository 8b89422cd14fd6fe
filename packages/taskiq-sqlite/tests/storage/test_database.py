"""One file for several parts: shared, locked, forked."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite import (
    Database,
    DatabaseBusyError,
    DatabaseFileError,
    SQLiteBroker,
    SQLiteResultBackend,
    SQLiteScheduleSource,
)
from taskiq_sqlite.storage.transaction import Transaction, each
from taskiq_testservers.sqlite_files import query
from taskiq_testservers.sqlite_workers import PATIENCE, message


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

        await asyncio.gather(*(SQLiteBroker(each).kick(message()) for each in databases))
        await asyncio.gather(*(database.close() for database in databases))
        assert query(path, "SELECT count(*) FROM messages") == 8


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


@pytest.mark.parametrize("make", [SQLiteBroker, SQLiteResultBackend])
async def test_commands_that_look_create_no_file(tmp_path: Path, make: Any) -> None:
    """A misspelt path is an error, where a new file would look like an empty queue."""
    part = make(tmp_path / "typo.db")
    part.may_create = False

    with pytest.raises(DatabaseFileError, match="no such file, and a command creates none"):
        await part.startup()
    await part.shutdown()

    assert list(tmp_path.iterdir()) == []
