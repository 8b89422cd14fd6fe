"""Measure what workers on Redis hold, and how soon a killed one is replaced, beside taskiq 0.13.

    python benchmarks/memory.py --environments FOLDER [--rounds 3] [--write-docs]

FOLDER has the environments `ours` and `taskiq`, as `nox -s bench_memory` makes them.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parent / "redis_queues"))
from rig import APPS, Marks, RedisServer, Workers, redis_server

from process_tree import descendants

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE / "memory.json"
BETWEEN = re.compile(r"(?<=<!-- memory -->\n).*(?=<!-- end of memory -->)", re.DOTALL)
COUNTS = (1, 2, 8)
TASKS = 200
REPLACEMENTS = 2
STABLE = 11.0
"""Seconds after which a worker that dies is started again at once, as the first one was."""
PATIENCE = 60.0
_LISTENING = re.compile(r"^\[([\d-]+ [\d:]+),(\d+)\].*Listening started", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to start workers.

    Attributes:
        name: its key in the samples.
        title: its line in the table.
        queue: its environment and application, as in `redis_queues/contenders.py`.
        options: of its `taskiq worker`.
    """

    name: str
    title: str
    queue: str
    options: tuple[str, ...] = ()


WAYS = (
    Way("forked", "taskiq (this), `--fork-server`", "ours", ("--fork-server",)),
    Way("spawned", "taskiq (this), `--no-fork-server`", "ours", ("--no-fork-server",)),
    Way("peer", "taskiq 0.13", "taskiq"),
)
FIGURES = (*(f"memory_{count}" for count in COUNTS), "replaced")
HEADINGS = ("1 worker, MB", "2 workers, MB", "8 workers, MB", "8, MB each", "replaced, ms")


@dataclass(frozen=True, slots=True)
class Bench:
    """One way on a server.

    Attributes:
        way: how workers are started.
        environments: the folder of the environments.
        server: is emptied before each measure.
        folder: for marks and logs.
    """

    way: Way
    environments: Path
    server: RedisServer
    folder: Path

    def memory(self, count: int) -> float:
        """Megabytes of all processes of a command, shared pages divided (PSS)."""
        with self._running(count) as command:
            return command.workers.memory()

    def replacements(self) -> list[float]:
        """Milliseconds from the end of a worker until the next one listens, imports included."""
        found: list[float] = []
        with self._running(1) as command:
            for _ in range(REPLACEMENTS):
                time.sleep(STABLE)
                killed_at = time.time()
                os.kill(command.worker(), signal.SIGKILL)
                found.append((command.wait_for(1, since=killed_at) - killed_at) * 1000)
        return found

    def _file(self, name: str) -> str:
        return str(self.environments.absolute() / self.way.queue / "bin" / name)

    @contextmanager
    def _running(self, count: int) -> Iterator["Command"]:
        """Start workers, and wait until all of them listen and have run tasks."""
        self.server.empty()
        marks, log = Marks(self.folder / "marks"), self.folder / "log"
        log.unlink(missing_ok=True)
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            "PYTHONPATH": str(APPS),
            "BENCHMARK_URL": self.server.url,
            "BENCHMARK_TALLY": str(marks.path),
            "BENCHMARK_RESULTS": "1",
        }
        app = f"{self.way.queue}_app"
        line = [self._file("taskiq"), "worker", f"{app}:broker", "--workers", str(count)]
        with Workers([[*line, *self.way.options]], env=env, log=log) as workers:
            command = Command(workers, log)
            command.wait_for(count)
            client = [self._file("python"), str(APPS / "client.py"), app, "fill", "work"]
            subprocess.run([*client, str(TASKS)], env=env, check=True, stdout=subprocess.DEVNULL)
            marks.wait(TASKS)
            time.sleep(0.5)  # until what is left of the last task is gone
            yield command


class Command:
    """A `taskiq worker` that runs, and its log."""

    def __init__(self, workers: Workers, log: Path) -> None:
        self.workers = workers
        self._log = log

    def wait_for(self, count: int, *, since: float = 0.0) -> float:
        """Wait until so many workers have begun to listen since a moment.

        Returns:
            When the last of them did, in seconds since 1970, by its own line in the log.
        """
        deadline = time.monotonic() + PATIENCE
        while len(found := [each for each in self._listening() if each >= since]) < count:
            if time.monotonic() > deadline:
                sys.exit(f"{len(found)} of {count} workers:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.005)
        return found[count - 1]

    def _listening(self) -> list[float]:
        return [
            time.mktime(time.strptime(clock, "%Y-%m-%d %H:%M:%S")) + int(milliseconds) / 1000
            for clock, milliseconds in _LISTENING.findall(self._log.read_text())
        ]

    def worker(self) -> int:
        """The process id of the only worker, which was started last."""
        return max(descendants(self.workers.pids()[0]))


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="taskiq-bench-") as name, redis_server() as server:
        samples = measure(options, server, Path(name))
    report = {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "medians": {
            way: {figure: median(values) for figure, values in found.items()}
            for way, found in samples.items()
        },
        "samples": samples,
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(figures(report))
    if options.write_docs:
        text = figures(report)
        PAGE.write_text(BETWEEN.sub(lambda _: text, PAGE.read_text()))


def measure(
    options: argparse.Namespace, server: RedisServer, folder: Path
) -> dict[str, dict[str, list[float]]]:
    """All figures, round by round; who begins a round changes."""
    samples: dict[str, dict[str, list[float]]] = {way.name: {} for way in WAYS}
    for turn in range(options.rounds):
        for way in (*WAYS[turn % len(WAYS) :], *WAYS[: turn % len(WAYS)]):
            bench = Bench(way, options.environments, server, folder)
            for count in COUNTS:
                samples[way.name].setdefault(f"memory_{count}", []).append(bench.memory(count))
            samples[way.name].setdefault("replaced", []).extend(bench.replacements())
            last = {figure: round(values[-1], 1) for figure, values in samples[way.name].items()}
            print(turn + 1, way.name, last, file=sys.stderr)
    return samples


def figures(report: dict[str, Any]) -> str:
    """What stands between the marks of the page."""
    medians = report["medians"]
    rounds = len(report["samples"]["peer"]["memory_1"])
    lines = [
        f"Medians of {rounds} rounds on {report['measured_at'][:10]}, Python {report['python']}.",
        "",
        f"| | {' | '.join(HEADINGS)} |",
        "|---" + "|---:" * len(HEADINGS) + "|",
    ]
    for way in WAYS:
        found = medians[way.name]
        one, two, eight = (found[f"memory_{count}"] for count in COUNTS)
        cells = (f"{one:.1f}", f"{two:.1f}", f"{eight:.0f}", f"{eight / 8:.1f}")
        lines.append(f"| {way.title} | {' | '.join(cells)} | {found['replaced']:,.0f} |")
    for way in WAYS[:2]:
        ratios = [
            f"{medians[way.name][figure] / medians['peer'][figure]:.2f}" for figure in FIGURES
        ]
        cells = (*ratios[:3], "", ratios[3])
        lines.append(f"| {way.title}, beside 0.13 | {' | '.join(cells)} |")
    return "\n" + "\n".join(lines) + "\n\n"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write-docs", action="store_true", help="docs/benchmarks.md")
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
