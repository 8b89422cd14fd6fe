"""A command with all processes that it started: how much memory they hold, and how to end them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def started(command: list[str], *, folder: Path, env: Mapping[str, str]) -> Iterator[int]:
    """Run a command in a process group of its own; kill the group at the end."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=dict(env), stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):  # taskiq 0.13's worker is not always interested
            process.wait(timeout=3)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, directly or not."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for ancestor in found:
        found.extend(child for child, parent in parents.items() if parent == ancestor)
    return found[1:]


def memory(pid: int) -> dict[str, float]:
    """RSS and PSS of the whole tree in megabytes; PSS counts what processes share once."""
    total = {"Rss:": 0, "Pss:": 0}
    for member in (pid, *descendants(pid)):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            key, _, rest = line.partition(" ")
            if key in total:
                total[key] += int(rest.split()[0])
    return {"memory_rss": total["Rss:"] / 1024, "memory_pss": total["Pss:"] / 1024}


def wall_time(command: list[str], *, env: Mapping[str, str]) -> float:
    """Milliseconds from start to end of a command."""
    started_at = time.perf_counter()
    subprocess.run(command, env=dict(env), check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started_at) * 1e3
