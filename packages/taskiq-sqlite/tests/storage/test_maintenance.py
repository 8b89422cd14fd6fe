"""Expired results are deleted, and free space is returned."""

from pathlib import Path

from taskiq_sqlite import (
    SQLiteBroker,
)
from taskiq_sqlite.storage.maintenance import VACUUMED, vacuum
from taskiq_testservers.sqlite_files import query
from taskiq_testservers.sqlite_workers import message


async def test_free_space_is_given_back_in_steps(path: Path) -> None:
    broker = SQLiteBroker(path)
    for _ in range(20):
        await broker.kick_many([message(body=b"x" * 4_000) for _ in range(100)])
    await broker.purge()
    full = query(path, "PRAGMA page_count")

    steps = 0
    while await broker.database.write(vacuum, VACUUMED):
        steps += 1

    assert steps > 1
    assert query(path, "PRAGMA page_count") <= 0.55 * full
    await broker.shutdown()
