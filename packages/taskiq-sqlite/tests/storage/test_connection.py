"""Files that can be opened, and files that are refused."""

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from taskiq_core.exceptions import BrokerConnectionError, ResultBackendError
from taskiq_sqlite import (
    Database,
    DatabaseError,
    DatabaseFileError,
    SQLiteBroker,
)
from taskiq_sqlite.storage import location
from taskiq_testservers.sqlite_files import open_and_close
from taskiq_testservers.sqlite_workers import PATIENCE, message

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

        with pytest.raises(DatabaseFileError, match="it is not an SQLite database"):
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
        monkeypatch.setattr(location, "network_file_system", lambda folder: "nfs4")

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


async def test_opening_an_existing_file_writes_nothing(path: Path) -> None:
    """Else it could not be opened to empty a log that has filled the disk."""
    first = Database(path)
    await first.open()
    log = path.with_name(f"{path.name}-wal")
    size = log.stat().st_size

    await open_and_close(path)

    assert log.stat().st_size == size
    await first.close()
