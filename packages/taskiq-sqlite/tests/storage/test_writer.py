"""Files that vanish, and disks that are full: the errors of callers, and what mends itself."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import BrokerSetupError
from taskiq_core.receiver import Receiver
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.errors import DatabaseGoneError
from taskiq_testservers.sqlite_poison import change

PATIENCE = 20.0
MakeBroker = Callable[..., SQLiteBroker]


def remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        if each.is_file():
            each.unlink()


@pytest.mark.parametrize("how", ["deleted", "deleted alone", "replaced", "folder"])
async def test_sender_is_told_that_the_file_is_gone(
    make_broker: MakeBroker, path: Path, how: str
) -> None:
    """The next call uses what is there then."""
    client = make_broker()
    await task_of(client).kiq(1)
    if how == "deleted":
        remove(path)
    elif how == "deleted alone":
        path.unlink()
    elif how == "replaced":
        shutil.copy(path, path.with_name("copy.db"))
        path.with_name("copy.db").rename(path)
    else:
        path.parent.rename(path.parent.with_name("elsewhere"))
        path.parent.mkdir()

    with pytest.raises(Exception, match="was deleted or replaced while it was open") as refused:
        await task_of(client).kiq(2)
    await task_of(client).kiq(3)

    assert isinstance(refused.value, DatabaseGoneError) or isinstance(
        refused.value.__cause__, DatabaseGoneError
    )
    async with asyncio.timeout(PATIENCE):
        assert (await client.stats()).waiting >= 1


async def test_worker_goes_on_with_the_file_that_is_there_then(
    make_broker: MakeBroker, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = make_broker(), make_broker(poll_interval=0.05)
    worker.is_worker_process = True
    worker.register_task(_double, "double")
    await task_of(client).kiq(1)
    await client.shutdown()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker).listen(finish))
    async with asyncio.timeout(PATIENCE):
        while (await client.stats()).waiting:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.02)
    await client.shutdown()

    remove(path)

    async with asyncio.timeout(PATIENCE):
        while "was deleted or replaced" not in caplog.text:  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0.02)
    task = await task_of(client).kiq(4)
    assert (await task.wait_result(timeout=PATIENCE)).return_value == 8
    finish.set()
    await listening


FULL = """
import asyncio, resource, sqlite3, sys
from taskiq_core.messages.message import BrokerMessage
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.errors import DatabaseError

LIMIT = 4_000_000  # bytes of a file: as a full disk, for the write-ahead log only

async def main(path):
    broker = SQLiteBroker(path)
    message = BrokerMessage(task_id="id", task_name="t", message=b"x" * 100_000, labels={})
    await broker.kick(message)
    idle = SQLiteBroker(path)  # who closes a file last would empty the log
    await idle.startup()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchall()
    try:
        for _ in range(1_000):
            await broker.kick(message)
            await broker.purge()
    except DatabaseError as error:
        print("refused:", error)
    try:
        await broker.kick(message)
    except DatabaseError as error:
        print("refused again")
    reader.close()
    await broker.kick(message)
    print("waiting:", (await broker.stats()).waiting)
    await broker.shutdown()
    await idle.shutdown()

asyncio.run(main(sys.argv[1]))
"""


def test_log_that_filled_the_disk_is_emptied_when_its_reader_has_left(path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    refused, again, waiting = ran.stdout.splitlines() or [ran.stderr] * 3
    assert refused.startswith("refused: The database")
    assert again == "refused again"
    assert waiting.startswith("waiting: ")
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("how", ["no folder", "newer", "no database"])
async def test_what_is_set_up_wrong_is_not_tried_again(tmp_path: Path, how: str) -> None:
    """A worker that listens to it ends; one that is locked or full is tried again."""
    path = tmp_path / ("missing/t.db" if how == "no folder" else "t.db")
    if how == "newer":
        broker = SQLiteBroker(path)
        await broker.startup()
        await broker.shutdown()
        change(path, "PRAGMA user_version = 999")
    elif how == "no database":
        path.write_bytes(b"not a database" * 100)
    broker = SQLiteBroker(path)

    with pytest.raises(BrokerSetupError):
        await broker.startup()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(BrokerSetupError):
            await Receiver(broker, run_startup=False).listen(asyncio.Event())

    await broker.shutdown()


async def _double(number: int) -> int:
    return 2 * number


def task_of(broker: SQLiteBroker) -> Any:
    if broker.find_task("double") is None:
        broker.register_task(_double, "double")
    return broker.find_task("double")
