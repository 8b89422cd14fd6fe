"""The rig: a private Redis, the marks that tasks make, and workers that are started and ended."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

sys.path.append(str(Path(__file__).parent.parent))  # what both benchmarks use
from process_tree import descendants, memory

PATIENCE = 120.0
APPS = Path(__file__).parent / "apps"


class StuckError(Exception):
    """A queue did not do what was waited for."""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A private server without persistence."""

    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Drop everything."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(100)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Start a server on a free port, and stop it at the end."""
    binary = shutil.which("redis-server")
    if binary is None:
        sys.exit("redis-server is not on this machine: install it.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    try:
        while not _is_open(port):
            time.sleep(0.02)
        yield RedisServer(port)
    finally:
        process.terminate()
        process.wait()


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Marks:
    """The file in which each task puts a byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"")

    def wait(self, count: int, *, pause: float = 0.002) -> tuple[float, int]:
        """Wait until there are so many; when that was, and how many there were by then."""
        deadline = time.perf_counter() + PATIENCE
        while (found := self.path.stat().st_size) < count:
            if time.perf_counter() > deadline:
                raise StuckError(f"{found} of {count} tasks were run in {PATIENCE:.0f} s")
            time.sleep(pause)
        return time.perf_counter(), found


class Workers:
    """Processes of one queue, in a session of their own; a context manager."""

    def __init__(self, commands: list[list[str]], *, env: Mapping[str, str], log: Path) -> None:
        self.started_at = time.perf_counter()
        with log.open("ab") as output:
            self._processes = [
                subprocess.Popen(
                    command,
                    cwd=APPS,
                    env=dict(env),
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                for command in commands
            ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        """Ask them to end; a worker that has not ended in five seconds is killed."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of them, and to their children."""
        for process in self._processes:
            for pid in (process.pid, *descendants(process.pid)):
                os.kill(pid, number)

    def pids(self) -> list[int]:
        """The process ids of the commands."""
        return [process.pid for process in self._processes]

    def memory(self) -> float:
        """Megabytes that they and their children hold, shared pages divided (PSS)."""
        return sum(memory(process.pid)["memory_pss"] for process in self._processes)
