"""What a worker held that was killed is given back at once, not when its lease of 60 s ends."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from taskiq_cli.supervisor.dead_workers import MAX_REMEMBERED, DeadWorkers
from taskiq_testservers.cli_project import Project, is_running, until

APPLICATION = """
import os
from pathlib import Path
from app import files, leave
from present_file_broker import PresentFileBroker

broker = PresentFileBroker(Path(__file__).parent / "messages")


@broker.task(task_name="die_once")
async def die_once(name: str) -> None:
    if not (files / f"{name}.first").exists():
        leave(f"{name}.first", str(os.getpid()))
        os.kill(os.getpid(), 9)
    leave(name, str(os.getpid()))


@broker.task(task_name="stay")
async def stay(name: str) -> None:
    import asyncio
    if (files / f"{name}.first").exists():
        leave(name, str(os.getpid()))
        return
    leave(f"{name}.first", str(os.getpid()))
    await asyncio.Event().wait()
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("shop.py", APPLICATION)
    return project


def records(project: Project) -> list[dict[str, Any]]:
    folder = project.folder / "messages" / "workers"
    return [json.loads(file.read_text()) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("workers", [1, 2], ids=["by the next one", "by another one"])
def test_task_of_a_killed_worker_runs_again_at_once(shop: Project, workers: int) -> None:
    command = shop.start("worker", "shop:broker", "-w", str(workers))
    command.listening(workers)

    shop.send("die_once", "order", module="shop")

    assert shop.file("order") != shop.file("order.first")
    command.line(r"Worker .* is dead; messages given back: 1")
    assert command.stop() == 0


class Told:
    """A worker that keeps the lines it gets."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def send_line(self, line: str) -> None:
        self.lines.append(line)


def test_dead_workers_are_named_until_one_living_worker_has_seen_to_them() -> None:
    dead, living, new = DeadWorkers(), Told(), Told()

    dead.add("a", [living])
    dead.add("b", [living])
    dead.forget(["a", "unknown"])
    dead.send_all(new)

    assert living.lines == ["a", "b"]
    assert new.lines == ["b"]


def test_only_the_latest_dead_workers_are_remembered() -> None:
    dead, new = DeadWorkers(), Told()
    for number in range(MAX_REMEMBERED + 1):
        dead.add(str(number), [])

    dead.send_all(new)

    assert len(new.lines) == MAX_REMEMBERED
    assert new.lines[-1] == str(MAX_REMEMBERED)


def test_record_of_a_killed_worker_is_forgotten(shop: Project) -> None:
    command = shop.start("worker", "shop:broker", "-w", "2")
    command.listening(2)
    first = until(lambda: len(records(shop)) == 2 and records(shop))
    supervisors = {record["supervisor_id"] for record in first}
    killed = first[0]

    os.kill(killed["pid"], signal.SIGKILL)

    until(lambda: killed["worker_id"] not in [each["worker_id"] for each in records(shop)])
    command.listening(3)
    later = until(lambda: len(records(shop)) == 2 and records(shop))
    assert {record["supervisor_id"] for record in later} == supervisors
    assert len(supervisors) == 1
    assert command.stop() == 0
    assert records(shop) == []


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs process spaces")
def test_workers_that_died_with_their_supervisor_are_noticed_by_another(shop: Project) -> None:
    command = shop.start("worker", "shop:broker", "-w", "1")
    command.listening()
    until(lambda: records(shop))
    shop.send("stay", "order", module="shop")
    worker = int(shop.file("order.first"))

    command.process.kill()
    os.kill(worker, signal.SIGKILL)
    until(lambda: not is_running(worker), "the end of the worker")
    other = shop.start("worker", "shop:broker", "-w", "1")

    assert int(shop.file("order")) == other.workers()[0]
    assert other.stop() == 0
