"""Workers are killed and stopped, files are torn: nothing is lost, nothing runs unexplained."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from taskiq_testservers.chaos import (
    TASKS,
    Faults,
    Log,
    assert_nothing_is_wrong,
    client_of,
    until_it_is_empty,
)
from taskiq_testservers.commands import StartWorker

TOTAL = 2000
LEASE = 1.5


@pytest.mark.timeout(180)
async def test_two_thousand_tasks_survive_kills_and_stops(
    tmp_path: Path, start_worker: StartWorker
) -> None:
    """SIGKILL of a worker every second, SIGSTOP of one past its lease: 0 lost, all explained."""
    url = f"sqlite:///{tmp_path}/tasks.db?lease={LEASE}"
    (tmp_path / "chaos_tasks.py").write_text(TASKS)
    log = Log(tmp_path / "log")
    faults = Faults(log)
    env = {"TASKIQ_BROKER_URL": url, "CHAOS_LOG": str(log.path), "CHAOS_SECONDS": "0.04"}
    options = ["--workers", "3", "--max-async-tasks", "3", "--max-prefetch", "1"]
    workers = start_worker("chaos_tasks:broker", *options, cwd=tmp_path, env=env)
    broker, work = client_of(url)

    async with broker:
        tasks = [await work.kiq(number) for number in range(TOTAL)]
        async with faults.killing():
            await faults.stop_one(2 * LEASE)
            await asyncio.gather(*(task.wait_result(timeout=150) for task in tasks))
        await until_it_is_empty(broker)
        workers.terminate()
        await asyncio.to_thread(workers.wait)
        results = [await task.get_result() for task in tasks]
        letters = await broker.dead_letters()

    assert letters == []
    assert len(faults.killed) >= 3
    assert faults.stopped
    assert_nothing_is_wrong(log, faults, results, lease=LEASE)


SENDER = """
import asyncio
import sys

from chaos_tasks import broker, work


async def send(first: int) -> None:
    for number in range(first, 1_000_000, 10):
        task = await work.kiq(number)
        sys.stdout.write(task.task_id + chr(10))
        sys.stdout.flush()


async def main() -> None:
    async with broker:
        await asyncio.gather(*map(send, range(10)))


asyncio.run(main())
"""


@pytest.mark.timeout(120)
async def test_a_copy_made_in_the_middle_of_writing_has_everything(
    tmp_path: Path, start_worker: StartWorker
) -> None:
    """All processes stop at once, as by a power cut; file and log are copied as they are."""
    url = f"sqlite:///{tmp_path}/tasks.db?lease={LEASE}"
    (tmp_path / "chaos_tasks.py").write_text(TASKS)
    log = Log(tmp_path / "log")
    env = {"TASKIQ_BROKER_URL": url, "CHAOS_LOG": str(log.path), "CHAOS_SECONDS": "0.001"}
    start_worker("chaos_tasks:broker", "--workers", "2", cwd=tmp_path, env=env)
    sent = tmp_path / "sent.log"
    with sent.open("wb") as output:
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER],
            cwd=tmp_path,
            env={**os.environ, **env, "PYTHONPATH": str(tmp_path)},
            stdout=output,
        )
    copies: list[tuple[Path, list[str]]] = []
    try:
        for number in range(5):
            await _until_there_are(sent, 500 * (number + 1))
            copies.append(_torn_copy(tmp_path, number, [sender.pid, *log.workers()], sent))
    finally:
        sender.kill()
        sender.wait()

    for copy, sent_before in copies:
        assert _integrity(copy) == ["ok"]
        assert set(sent_before) - _accounted_for(copy) == set()


async def _until_there_are(sent: Path, count: int) -> None:
    async with asyncio.timeout(40):
        while sent.read_bytes().count(b"\n") < count:  # noqa: ASYNC110  # a file of another process
            await asyncio.sleep(0.01)


def _torn_copy(
    folder: Path, number: int, processes: list[int], sent: Path
) -> tuple[Path, list[str]]:
    """What a power cut at this moment would leave, and what was sent before it."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        copy = folder / f"copy-{number}.db"
        shutil.copy(folder / "tasks.db", copy)
        shutil.copy(folder / "tasks.db-wal", f"{copy}-wal")
        return copy, sent.read_text().splitlines()
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _integrity(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return [row[0] for row in rows]


def _accounted_for(file: Path) -> set[str]:
    """The tasks that wait, run or have a result."""
    query = "SELECT task_id FROM messages UNION SELECT task_id FROM results"
    with sqlite3.connect(file) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return {row[0] for row in rows}
