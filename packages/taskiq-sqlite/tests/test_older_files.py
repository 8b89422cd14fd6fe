"""A file that an older version wrote is opened, and the tasks in it run."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from taskiq_core.exceptions import DuplicateKeyError, TaskAbortedError, TaskExpiredError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.receiver import Receiver
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource
from taskiq_testservers.sqlite_workers import PATIENCE

DUMP = Path(__file__).parent / "data" / "version_4.sql"


@pytest.fixture
def old_file(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(DUMP.read_text())
    connection.close()
    return path


async def _double(number: int) -> int:
    return 2 * number


async def test_everything_that_waits_is_run(old_file: Path) -> None:
    """Waiting, urgent, delayed, unique, aborted, expired and of a worker that was killed."""
    broker = SQLiteBroker(old_file)
    broker.register_task(_double, "double")
    broker.is_worker_process = True
    backend = broker.result_backend
    assert (await backend.get_result("old-done")).return_value == 2
    assert (await broker.stats()).delivered == 1
    assert await broker.reclaim() == 1
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker).listen(finish))

    async with asyncio.timeout(PATIENCE):
        results = {
            name: await backend.wait(f"old-{name}")
            for name in ("leased", "waiting", "delayed", "urgent", "unique", "aborted", "expiring")
        }
        while (await broker.stats()).delivered:  # noqa: ASYNC110  # settling has no event
            await asyncio.sleep(0.01)

    assert {name: result.return_value for name, result in results.items()} == {
        "leased": 4,
        "waiting": 8,
        "delayed": 10,
        "urgent": 12,
        "unique": 14,
        "aborted": None,
        "expiring": None,
    }
    assert isinstance(results["aborted"].error, TaskAbortedError)
    assert isinstance(results["expiring"].error, TaskExpiredError)
    finish.set()
    await listening
    assert await broker.stats() == QueueStats(waiting=0, delivered=0, delayed=0, dead=2)
    await broker.shutdown()


async def test_dead_letters_are_listed_and_replayed(old_file: Path) -> None:
    broker = SQLiteBroker(old_file)

    [letter] = await broker.dead_letters()

    assert (letter.task_id, letter.reason, letter.error) == (
        "old-dead",
        "by hand",
        "ValueError: why",
    )
    assert await broker.replay_dead_letters([letter.letter_id]) == 1
    assert (await broker.stats()).dead == 0
    await broker.shutdown()


async def test_unique_keys_are_held(old_file: Path) -> None:
    broker = SQLiteBroker(old_file)
    message = BrokerMessage(
        task_id="new", task_name="t", message=b"", labels={"unique_key": "only"}
    )

    with pytest.raises(DuplicateKeyError) as refused:
        await broker.kick(message)

    assert refused.value.holder == "old-unique"
    await broker.shutdown()


async def test_schedules_and_ticks_are_kept(old_file: Path) -> None:
    source = SQLiteScheduleSource(old_file)
    tick = datetime(2025, 1, 1, tzinfo=UTC)

    found = {each.schedule_id: each.enabled for each in await source.get_schedules()}

    assert found == {"old-cron": True, "old-paused": False}
    assert await source.last_tick("old-cron") == tick
    assert not await source.claim("old-cron", tick)
    await source.shutdown()
