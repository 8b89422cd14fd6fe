"""How each figure is measured, once, in one environment."""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from process_tree import memory, started, wall_time

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: `ours` or `peer`.
        python: the Python of its environment.
        returns_results: whether its ZeroMQ broker returns results.
    """

    name: str
    python: Path
    returns_results: bool

    @property
    def taskiq(self) -> str:
        """Its `taskiq` command."""
        return str(self.python.with_name("taskiq"))


def inmemory(side: Side) -> dict[str, float]:
    return run_program(side, "inmemory.py")


def receiver(side: Side) -> dict[str, float]:
    return run_program(side, "receiver_alone.py")


def startup(side: Side, repeats: int = 5) -> dict[str, float]:
    commands = {
        "bare": [str(side.python), "-c", "pass"],
        "import": [str(side.python), "-c", "import taskiq"],
        "help": [side.taskiq, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            times[name].append(wall_time(command, env=clean_environment()))
    return {name: median(values) for name, values in times.items()}


def zeromq(side: Side) -> dict[str, float]:
    """The rate, the round trip, and the memory of the worker when it has been at work."""
    with tempfile.TemporaryDirectory(prefix="taskiq-bench-") as name:
        folder = Path(name)
        env = zeromq_environment(folder)
        command = [side.taskiq, "worker", "zmq_app:broker", "--app-dir", str(PROGRAMS)]
        command += ["--workers", "1", "--log-level", "WARNING"]
        with started(command, folder=folder, env=env) as worker:
            options = ["--results"] if side.returns_results else []
            try:
                figures = run_program(side, "zmq_client.py", *options, env=env)
            except subprocess.CalledProcessError:
                print((folder / "worker.log").read_text()[-2000:])
                raise
            time.sleep(1)  # until what is left of the last task is gone
            return {**figures, **memory(worker)}


def run_program(
    side: Side, program: str, *options: str, env: dict[str, str] | None = None
) -> dict[str, float]:
    command = [str(side.python), str(PROGRAMS / program), *options]
    done = subprocess.run(
        command, env=env or clean_environment(), check=True, stdout=subprocess.PIPE, timeout=300
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def zeromq_environment(folder: Path) -> dict[str, str]:
    counter = folder / "counter"
    counter.write_bytes(bytes(8))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        **clean_environment(),
        "BENCHMARK_PORT": str(port),
        "BENCHMARK_COUNTER": str(counter),
    }


def clean_environment() -> dict[str, str]:
    """Ours, without what would make a side find the modules of another."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    return kept


MEASURES: dict[str, Callable[[Side], dict[str, float]]] = {
    "inmemory": inmemory,
    "receiver": receiver,
    "zeromq": zeromq,
    "startup": startup,
}
