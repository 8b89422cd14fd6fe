"""What is measured of each queue, once a round."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from contenders import Contender
from rig import APPS, Marks, RedisServer, Workers

NAPS, NAPS_AT_ONCE = 5_000, 1_000
SMALL, REPEATS = 1_000, 10
BACKLOGS = (10_000, 100_000, 500_000)
WINDOW = 20_000
TRIPS, WARM_UP = 300, 50
CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class Bench:
    """One queue on the server.

    Attributes:
        contender: the queue.
        python: of its environment.
        server: is emptied before each measure.
        folder: for marks and logs.
    """

    contender: Contender
    python: Path
    server: RedisServer
    folder: Path

    # -- the measures -------------------------------------------------------------------------

    def enqueue(self) -> dict[str, float]:
        """Tasks sent a second, one by one and in bulk, from one process."""
        self.server.empty()
        tasks = self.contender.tasks
        rates = self._client("enqueue", str(tasks // 4), str(tasks))
        return {"enqueue_one": rates["one"], "enqueue_bulk": rates["bulk"]}

    def drain(self) -> dict[str, float]:
        """Tasks run a second by one worker that keeps no results, and its way to the first."""
        with self._draining(self.contender.tasks, results=False) as (workers, marks):
            first, _ = marks.wait(1)
            return {
                "drain": self._rate(marks, self.contender.tasks),
                "start": first - workers.started_at,
            }

    def drain_with_results(self) -> dict[str, float]:
        """Drain with results, and measure the memory of the worker's processes afterwards."""
        with self._draining(self.contender.tasks, results=True) as (workers, marks):
            rate = self._rate(marks, self.contender.tasks)
            return {"drain_results": rate, "memory": workers.memory()}

    def history(self) -> dict[str, float]:
        """Tasks run a second with results, in turns without and with the history of deliveries."""
        if not self.contender.keeps_history:
            return {}
        figures = {}
        for figure, history in (("history_off", False), ("history_on", True)):
            tasks = self.contender.tasks
            with self._draining(tasks, results=True, history=history) as (_, marks):
                figures[figure] = self._rate(marks, tasks)
        return figures

    def two_workers(self) -> dict[str, float]:
        """Tasks run a second by two workers, without results."""
        with self._draining(self.contender.tasks, results=False, workers=2) as (_, marks):
            return {"two_workers": self._rate(marks, self.contender.tasks)}

    def round_trip(self) -> dict[str, float]:
        """Milliseconds from a send to its result, one after the other, the worker idle before."""
        self.server.empty()
        with self._marks() as marks, self._workers(marks, results=True):
            self._client("trips", "1", marks=marks, results=True)
            trips = self._client("trips", str(TRIPS), marks=marks, results=True)
            return {"round_trip": median(trips[WARM_UP:]) * 1e3}

    def naps(self) -> dict[str, float]:
        """Seconds for 5,000 tasks that sleep 0.05 s, 1,000 at once, from the first to the last."""
        if not self.contender.can_nap:
            return {}
        with self._marks() as marks:
            self.server.empty()
            self._client("fill", "nap", str(NAPS), marks=marks)
            command = self.contender.napping or self.contender.worker
            with self._workers(marks, command=command, concurrency=NAPS_AT_ONCE):
                first, _ = marks.wait(1)
                last, _ = marks.wait(2 * NAPS)
                return {"naps": last - first}

    def backlogs(self) -> dict[str, float]:
        """Tasks run a second and memory, with more and more messages waiting."""
        if not self.contender.backlog:
            return {}
        figures = {f"backlog_{SMALL}": self._drain_of_few()}
        for backlog in BACKLOGS:
            if backlog <= self.contender.backlog:
                window = min(backlog, WINDOW, self.contender.tasks)
                with self._draining(backlog, results=True) as (workers, marks):
                    figures[f"backlog_{backlog}"] = self._rate(marks, window)
                    figures[f"memory_{backlog}"] = workers.memory()
        return figures

    # -- how ----------------------------------------------------------------------------------

    def _drain_of_few(self) -> float:
        """The rate with a thousand waiting: the worker stands still while they are sent."""
        self.server.empty()
        seconds = 0.0
        with self._marks() as marks, self._workers(marks, results=True) as workers:
            done = SMALL
            self._client("fill", "work", str(SMALL), marks=marks, results=True)
            marks.wait(done)
            for _ in range(REPEATS):
                workers.signal(signal.SIGSTOP)
                self._client("fill", "work", str(SMALL), marks=marks, results=True)
                done += SMALL
                begin = time.perf_counter()
                workers.signal(signal.SIGCONT)
                end, _ = marks.wait(done, pause=0.0005)
                seconds += end - begin
        return REPEATS * SMALL / seconds

    @contextmanager
    def _draining(
        self, tasks: int, *, results: bool, workers: int = 1, history: bool = False
    ) -> Iterator[tuple[Workers, Marks]]:
        self.server.empty()
        with self._marks() as marks:
            self._client("fill", "work", str(tasks), marks=marks, results=results)
            with self._workers(marks, results=results, workers=workers, history=history) as started:
                yield started, marks

    def _rate(self, marks: Marks, tasks: int) -> float:
        """Tasks a second, from the first tenth to the last."""
        first, before = marks.wait(tasks // 10)
        last, after = marks.wait(tasks)
        return (after - before) / (last - first)

    @contextmanager
    def _marks(self) -> Iterator[Marks]:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            yield Marks(Path(name) / "marks")

    def _workers(
        self,
        marks: Marks,
        *,
        results: bool = False,
        workers: int = 1,
        concurrency: int = CONCURRENCY,
        history: bool = False,
        command: tuple[str, ...] = (),
    ) -> Workers:
        template = command or self.contender.worker
        program, *arguments = (
            part.format(workers=workers, concurrency=concurrency) for part in template
        )
        line = [str(self.python.with_name(program)), *arguments]
        env = self._env(marks, results=results, concurrency=concurrency, history=history)
        times = 1 if "{workers}" in template else workers
        return Workers([line] * times, env=env, log=self.folder / f"{self.contender.name}.log")

    def _client(
        self, measure: str, *arguments: str, marks: Marks | None = None, results: bool = False
    ) -> Any:
        module = f"{self.contender.name}_app"
        command = [str(self.python), str(APPS / "client.py"), module, measure, *arguments]
        path = marks.path if marks is not None else self.folder / "unused"
        env = self._env(Marks(path) if marks is None else marks, results=results)
        log = self.folder / f"{self.contender.name}.log"
        with log.open("ab") as errors:
            done = subprocess.run(
                command, env=env, check=True, stdout=subprocess.PIPE, stderr=errors, timeout=300
            )
        return json.loads(done.stdout.splitlines()[-1])

    def _env(
        self,
        marks: Marks,
        *,
        results: bool,
        concurrency: int = CONCURRENCY,
        history: bool = False,
    ) -> Mapping[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return {
            **ours,
            "PYTHONPATH": str(APPS),
            "RQ_REDIS_URL": self.server.url,
            "BENCHMARK_URL": self.server.url,
            "BENCHMARK_TALLY": str(marks.path),
            "BENCHMARK_RESULTS": "1" if results else "0",
            "BENCHMARK_HISTORY": "1" if history else "0",
            "BENCHMARK_CONCURRENCY": str(concurrency),
        }


MEASURES = (
    Bench.enqueue,
    Bench.drain,
    Bench.drain_with_results,
    Bench.history,
    Bench.two_workers,
    Bench.round_trip,
    Bench.naps,
    Bench.backlogs,
)
