"""A program runs schedules where neither taskiq-cli nor click is installed."""

import os
import subprocess
import sys
from pathlib import Path

ABSENT = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"taskiq_cli", "click"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""
PROGRAM = """
import asyncio

from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, TaskiqScheduler, run_scheduler_task
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.embedded_scheduler import EmbeddedScheduler

broker = InMemoryBroker()
ran = asyncio.Event()


@broker.task("tick", schedule=[{"interval": 1}])
async def tick() -> None:
    ran.set()


async def main() -> None:
    await broker.startup()
    scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    serving = asyncio.create_task(run_scheduler_task(scheduler))
    await ran.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await broker.shutdown()
    print("ran")


asyncio.run(main())
"""


def test_program_without_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(ABSENT + PROGRAM)

    ran = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ,
    )

    assert ran.stdout == "ran\n", ran.stderr


def test_every_module_but_the_commands_is_importable(tmp_path: Path) -> None:
    program = """
import importlib, pkgutil
import taskiq_scheduler

for found in pkgutil.walk_packages(taskiq_scheduler.__path__, "taskiq_scheduler."):
    if not found.name.startswith("taskiq_scheduler.commands"):
        importlib.import_module(found.name)
print("imported")
"""

    ran = subprocess.run(
        [sys.executable, "-c", ABSENT + program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ran.stdout == "imported\n", ran.stderr
