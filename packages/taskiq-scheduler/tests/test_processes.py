"""Five schedulers on one file, killed and started again at random: each tick is sent once."""

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from taskiq_core import ScheduledTask
from taskiq_scheduler.tick_ids import tick_id
from taskiq_scheduler.ticks import latest_ticks
from taskiq_sqlite import SQLiteScheduleSource

SCRIPT = Path(__file__).with_name("scheduler_process.py")
SCHEDULERS = 5
CLAIM_LEASE = 2.0
CHAOS_SECONDS = 12.0
PATIENCE = 30.0
SCHEDULES = [
    ScheduledTask(
        task_name="t",
        labels={},
        args=[],
        kwargs={},
        schedule_id=f"every {milliseconds} ms",
        interval=timedelta(milliseconds=milliseconds),
        missed="all",
    )
    for milliseconds in (40, 50, 100, 250)
]


class Schedulers:
    """The processes, and the chance that befalls them."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.kills = 0
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        command = [sys.executable, str(SCRIPT), str(self.path), str(CLAIM_LEASE)]
        self.running.append(subprocess.Popen(command))

    def kill_one(self) -> None:
        process = self.running.pop(self.chance.randrange(len(self.running)))
        assert process.poll() is None, "no scheduler ends by itself"
        process.kill()
        process.wait()
        self.kills += 1

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=PATIENCE)
            finally:
                process.kill()


async def test_each_tick_is_sent_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    source = SQLiteScheduleSource(path, claim_lease=CLAIM_LEASE)
    for schedule in SCHEDULES:
        await source.add_schedule(schedule)
    schedulers = Schedulers(path, random.Random(5))
    try:
        for _ in range(SCHEDULERS):
            schedulers.start()
            await asyncio.sleep(schedulers.chance.uniform(0, 0.5))
        await first_ticks(source)
        started = datetime.now(UTC)
        while datetime.now(UTC) - started < timedelta(seconds=CHAOS_SECONDS):
            await asyncio.sleep(schedulers.chance.uniform(0.05, 0.7))
            schedulers.kill_one()
            schedulers.start()
        ended = datetime.now(UTC)
        await until_all_is_made_good(source, ended)
    finally:
        schedulers.stop()
    await source.shutdown()

    sent = Counter(task_ids(path))
    for schedule in SCHEDULES:
        ticks = latest_ticks(schedule, started, ended, 10_000)
        counts = Counter(sent[tick_id(schedule, tick)] for tick in ticks)
        assert counts == {1: len(ticks)}, f"{schedule.schedule_id}: by times sent"
    assert set(sent.values()) == {1}
    assert schedulers.kills > 5


async def first_ticks(source: SQLiteScheduleSource) -> None:
    """Wait until every schedule was fired: from then on its ticks can be missed."""
    ids = [each.schedule_id for each in SCHEDULES]
    async with asyncio.timeout(PATIENCE):
        while len(await source.last_ticks(ids)) < len(ids):  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.05)


async def until_all_is_made_good(source: SQLiteScheduleSource, ended: datetime) -> None:
    """Wait until the living have confirmed the last tick, and the claims of the dead."""
    ids = [each.schedule_id for each in SCHEDULES]
    async with asyncio.timeout(PATIENCE):
        while True:
            last = await source.last_ticks(ids)
            open_claims = rows(source, "SELECT min(tick) FROM claims WHERE until IS NOT NULL")
            oldest = open_claims[0][0]
            is_made_good = oldest is None or oldest > ended.timestamp() * 1e6
            if is_made_good and min(last.values()) > ended + timedelta(seconds=0.5):
                return
            await asyncio.sleep(0.1)


def rows(source: SQLiteScheduleSource, query: str) -> list[tuple[int | None]]:
    connection = sqlite3.connect(source.database.path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def task_ids(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [task_id for (task_id,) in connection.execute("SELECT task_id FROM messages")]
    finally:
        connection.close()
