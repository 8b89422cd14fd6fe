"""Faults for workers, and what their tasks wrote down of themselves.

A task of the tests appends a line to a log each time it is started, in one write, so that the log
has every start, also of workers that are killed. Every start but the first of a task must be
explained: the worker of the one before it was killed, or stopped for longer than its lease.
"""

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

TASKS: Final = """
import asyncio
import os

from taskiq import Context, TaskiqDepends, broker_from_url

broker = broker_from_url()
STARTS = os.open(os.environ["CHAOS_STARTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@broker.task(task_name="work")
async def work(number: int, context: Context = TaskiqDepends()) -> list[int]:
    start = [number, context.attempt, os.getpid()]
    os.write(STARTS, (" ".join(map(str, start)) + "\\n").encode())
    await asyncio.sleep(float(os.environ["CHAOS_SECONDS"]))
    return start
"""
"""A module for `taskiq worker chaos_tasks:broker`."""


@dataclass(frozen=True, slots=True, order=True)
class Start:
    """One start of one task."""

    number: int
    attempt: int
    worker: int


class Log:
    """The starts, as they are written down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def starts(self) -> list[Start]:
        """All starts so far."""
        return [Start(*map(int, line.split())) for line in self.path.read_text().splitlines()]

    def workers(self) -> list[int]:
        """The processes that have started tasks and are still there, latest last."""
        seen = dict.fromkeys(start.worker for start in self.starts()[-200:])
        return [worker for worker in seen if is_there(worker)]

    def unexplained(self, victims: set[int]) -> list[tuple[Start, Start]]:
        """Starts that came again although the worker of the one before was no victim."""
        by_task: defaultdict[int, list[Start]] = defaultdict(list)
        for start in sorted(self.starts()):
            by_task[start.number].append(start)
        pairs = (pair for starts in by_task.values() for pair in pairwise(starts))
        return [
            (before, again)
            for before, again in pairs
            if before.worker not in victims or again.attempt == before.attempt
        ]


def is_there(process: int) -> bool:
    """Whether a process runs, or is stopped; not one that is dead and not buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@dataclass
class Faults:
    """Kills workers, and stops one for a while; says whom.

    Args:
        log: knows the workers.
        rng: chooses among them.
    """

    log: Log
    rng: random.Random

    def __post_init__(self) -> None:
        self.killed: set[int] = set()
        self.stopped: set[int] = set()

    @property
    def victims(self) -> set[int]:
        """All processes that lost leases."""
        return self.killed | self.stopped

    def kill_one(self) -> None:
        """SIGKILL a worker."""
        for worker in self._in_any_order():
            os.kill(worker, signal.SIGKILL)
            self.killed.add(worker)
            return

    def stop_one(self) -> int:
        """SIGSTOP a worker; the caller lets it go on."""
        for worker in self._in_any_order():
            os.kill(worker, signal.SIGSTOP)
            self.stopped.add(worker)
            return worker
        raise AssertionError("no worker is there")

    def let_go_on(self, worker: int) -> None:
        """SIGCONT a worker."""
        if is_there(worker):
            os.kill(worker, signal.SIGCONT)

    def _in_any_order(self) -> Iterator[int]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            workers = [each for each in self.log.workers() if each not in self.stopped]
            if workers:
                yield self.rng.choice(workers)
            time.sleep(0.05)
