"""What is broken in a file harms what is broken, and nothing else: every table, fuzzed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.receiver import Receiver
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource
from taskiq_sqlite.errors import DuplicateKeyError
from taskiq_testservers.sqlite_poison import NO_TEXT, change, plant
from taskiq_testservers.worker_main import listening

PATIENCE = 20.0


async def test_caller_of_a_row_that_can_not_be_read_is_told(
    broker: SQLiteBroker, path: Path, make_broker: Callable[..., SQLiteBroker]
) -> None:
    task = await sent(broker, 1)
    change(path, f"UPDATE messages SET task_name = {NO_TEXT}")

    async with working(make_broker()):
        result = await task.wait_result(timeout=PATIENCE)

    assert isinstance(result.error, UnreadableMessageError)
    assert "task_name is not UTF-8" in str(result.error)


@pytest.mark.parametrize(
    "value", ["'garbage'", "NULL", "9e999", "-5", NO_TEXT, "9223372036854775807"]
)
async def test_fence_that_can_not_be_read_begins_again(
    broker: SQLiteBroker, path: Path, make_broker: Callable[..., SQLiteBroker], value: str
) -> None:
    task = await sent(broker, 2)
    change(path, "DELETE FROM fence")
    if value != "NULL":
        change(path, f"INSERT INTO fence VALUES ({value})")

    async with working(make_broker()):
        result = await task.wait_result(timeout=PATIENCE)

    assert result.return_value == 4


async def test_holder_of_a_unique_key_that_can_not_be_read(
    broker: SQLiteBroker, path: Path
) -> None:
    await sent(broker, 1, unique_key="key")
    change(path, f"UPDATE messages SET task_id = {NO_TEXT}")

    with pytest.raises(DuplicateKeyError) as refused:
        await sent(broker, 1, unique_key="key")

    assert refused.value.holder == r"\xff("


async def test_aborts_are_heard_among_ids_that_can_not_be_read(
    broker: SQLiteBroker, path: Path
) -> None:
    await broker.startup()
    plant(path, task_id=NO_TEXT, state=2)
    plant(path, task_id="good", state=2)
    change(path, "UPDATE messages SET aborted = 1, fence = id")
    marks = broker.aborts()

    assert {await anext(marks), await anext(marks)} == {r"\xff(", "good"}
    await marks.aclose()


async def test_results_come_among_those_that_can_not_be_read(
    broker: SQLiteBroker, path: Path
) -> None:
    await broker.startup()
    backend = broker.result_backend
    wait = asyncio.create_task(backend.wait("good"))
    change(path, f"INSERT INTO results (task_id, body) VALUES ({NO_TEXT}, {NO_TEXT}), (x'ff', 5)")
    await asyncio.sleep(0)
    result = TaskiqResult(is_err=False, return_value=3, execution_time=0.1)

    await backend.set_result("good", result)

    async with asyncio.timeout(PATIENCE):
        assert (await wait).return_value == 3


async def test_dead_letters_that_can_not_be_read(
    broker: SQLiteBroker,
    path: Path,
    make_broker: Callable[..., SQLiteBroker],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are listed, stay when others are replayed, and are purged."""
    task = await sent(broker, 5)
    change(path, "UPDATE messages SET state = 2, fence = 1")
    bad = [
        ("task_id", "x'ff'"),
        ("task_name", NO_TEXT),
        ("reason", NO_TEXT),
        ("error", NO_TEXT),
        ("attempt", NO_TEXT),
        ("buried_at", "9e999"),
        ("buried_at", "'soon'"),
        ("priority", "'high'"),
        ("expires_after", "9e999"),
        ("expires_after", NO_TEXT),
        ("body", NO_TEXT),
    ]
    for _ in range(len(bad) + 1):
        change(
            path,
            "INSERT INTO dead_letters (task_id, task_name, priority, attempt, reason, buried_at,"
            " body) SELECT task_id, task_name, priority, 1, 'r', 1.0, body FROM messages",
        )
    change(path, "DELETE FROM messages")
    for number, (column, value) in enumerate(bad, 1):
        change(path, f"UPDATE dead_letters SET {column} = {value} WHERE id = {number}")

    listed = await broker.dead_letters()
    replayed = await broker.replay_dead_letters(["1", "2", str(len(bad) + 1), "9" * 30])
    async with working(make_broker()):
        result = await task.wait_result(timeout=PATIENCE)
    purged = await broker.purge_dead_letters(["1", "9" * 30])
    rest = await broker.purge_dead_letters()

    assert [each.letter_id for each in listed] == [str(n) for n in range(1, len(bad) + 2)]
    assert [each.reason.startswith("unreadable") for each in listed[:3]] == [True, True, False]
    assert listed[10].message == b"\xff("
    assert (replayed, result.return_value) == (1, 10)
    assert "that can't be read are not replayed: 1, 2" in caplog.text
    assert (purged, rest) == (1, len(bad) - 1)


async def test_schedules_that_can_not_be_read_are_left_out(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = SQLiteScheduleSource(path)
    good = ScheduledTask(
        task_name="t", labels={}, args=[], kwargs={}, schedule_id="good", cron="* * * * *"
    )
    await source.add_schedule(good)
    bad = f"({NO_TEXT}, {NO_TEXT}, 'no'), (x'ff', x'ff', {NO_TEXT})"
    change(path, f"INSERT INTO schedules (schedule_id, body, enabled) VALUES {bad}")
    change(path, f"INSERT INTO last_ticks VALUES ({NO_TEXT}, 1), ('good', {NO_TEXT})")
    ticks = f"({NO_TEXT}, 1000000, 1.0), ('good', 'soon', 1.0), ('good', {2**62}, 1.0)"
    change(path, f"INSERT INTO claims (schedule_id, tick, until) VALUES {ticks}")
    tick = datetime.now(UTC).replace(microsecond=0)

    listed = [each.schedule_id for each in await source.get_schedules()]
    before = await source.last_ticks(["good"])
    abandoned = await source.abandoned()
    await source.confirm("good", tick)

    assert listed == ["good"]
    assert before == {}
    assert abandoned == [(r"\xff(", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))]
    assert await source.last_tick("good") == tick
    assert "can't be read and is left out" in caplog.text
    await source.shutdown()


# --- parts ----------------------------------------------------------------------------------------


async def _double(number: int) -> int:
    return 2 * number


async def sent(broker: SQLiteBroker, number: int, **labels: Any) -> Any:
    if broker.find_task("double") is None:
        broker.register_task(_double, "double")
    task: Any = broker.find_task("double")
    return await task.kicker().with_labels(**labels).kiq(number)


@asynccontextmanager
async def working(worker: SQLiteBroker) -> AsyncIterator[None]:
    """A worker, until the block ends."""
    worker.is_worker_process = True
    worker.register_task(_double, "double")
    async with listening(Receiver(worker, max_async_tasks=5)):
        yield


def test_the_planted_text_is_not_utf_8() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError, match="Could not decode"):
        connection.execute(f"SELECT {NO_TEXT}").fetchall()
    connection.close()
