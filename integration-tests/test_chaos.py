"""Workers are killed and stopped, files are torn: nothing is lost, nothing runs unexplained."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import TASKS, Faults, Log, Start
from support import StartWorker
from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask, broker_from_url

TOTAL = 2000
LEASE = 1.5


def client_of(url: str) -> tuple[AsyncBroker, AsyncTaskiqDecoratedTask[..., list[int]]]:
    broker = broker_from_url(url)

    async def work(number: int) -> list[int]:
        raise AssertionError("it runs in the workers")

    return broker, broker.register_task(work, task_name="work")


async def torment(faults: Faults, done: asyncio.Event) -> None:
    """Every second kill a worker; once, stop one for longer than its lease."""
    stopped: int | None = None
    for second in range(1_000):
        try:
            async with asyncio.timeout(1):
                await done.wait()
        except TimeoutError:
            pass
        else:
            break
        if second == 1:
            stopped = faults.stop_one()
        elif stopped is not None and second == 1 + 2 * LEASE:
            faults.let_go_on(stopped)
        else:
            await asyncio.to_thread(faults.kill_one)
    if stopped is not None:
        faults.let_go_on(stopped)


@pytest.mark.timeout(180)
async def test_two_thousand_tasks_survive_kills_and_stops(
    tmp_path: Path, start_worker: StartWorker
) -> None:
    """SIGKILL of a worker every second, SIGSTOP of one past its lease: 0 lost, all explained."""
    url = f"sqlite:///{tmp_path}/tasks.db?lease={LEASE}"
    (tmp_path / "chaos_tasks.py").write_text(TASKS)
    log = Log(tmp_path / "starts.log")
    faults = Faults(log, random.Random())
    env = {
        "TASKIQ_BROKER_URL": url,
        "CHAOS_STARTS": str(log.path),
        "CHAOS_SECONDS": "0.04",
    }
    options = ["--workers", "3", "--max-async-tasks", "3", "--max-prefetch", "1"]
    start_worker("chaos_tasks:broker", *options, cwd=tmp_path, env=env)
    broker, work = client_of(url)
    done = asyncio.Event()

    async with broker:
        tasks = [await work.kiq(number) for number in range(TOTAL)]
        tormenting = asyncio.create_task(torment(faults, done))
        await asyncio.gather(*(task.wait_result(timeout=150) for task in tasks))
        done.set()
        await tormenting
        await _until_it_is_empty(broker)
        results = [await task.get_result() for task in tasks]
        letters = await broker.dead_letters()

    stored = [Start(*result.raise_for_error().return_value) for result in results]
    assert [each.number for each in stored] == list(range(TOTAL))
    assert letters == []
    assert len(faults.killed) >= 3
    assert faults.stopped
    assert log.unexplained(faults.victims) == []
    # Whoever lost its lease has not overwritten the result of the one that got it.
    latest = {start.number: start for start in sorted(log.starts())}
    assert [each for each in stored if each != latest[each.number]] == []


async def _until_it_is_empty(broker: AsyncBroker) -> None:
    """Results are stored before deliveries are acknowledged: some may run once more."""
    async with asyncio.timeout(30):
        while (stats := await broker.stats()).waiting or stats.delivered:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


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
    log = Log(tmp_path / "starts.log")
    env = {"TASKIQ_BROKER_URL": url, "CHAOS_STARTS": str(log.path), "CHAOS_SECONDS": "0.001"}
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
