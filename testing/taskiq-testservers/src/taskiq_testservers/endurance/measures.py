"""What a worker and its client have: memory, descriptors, threads, and rows in their store."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskiq_testservers.hostile.processes import children_of

KILOBYTES: Final = 8_000
"""By how much memory may differ: it is never all returned, and not at once."""
ROWS: Final = 30
"""By how much rows may differ: when messages came is noted once a second, for some of them."""


@dataclass(frozen=True, slots=True)
class Processes:
    """What some processes have together.

    Attributes:
        memory: kilobytes of their own, without files.
        descriptors: files and sockets that are open.
        threads: of all of them.
    """

    memory: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement at one moment.

    Attributes:
        workers: the supervisor and all processes that it has started.
        client: this process.
        rows: in the store, by kind.
    """

    workers: Processes
    client: Processes
    rows: Mapping[str, int]

    def grown_since(self, earlier: "Sample") -> list[str]:
        """Compare with an earlier sample.

        Returns:
            A line for each thing of which there is more.
        """
        found: list[str] = []
        for name in ("workers", "client"):
            before, now = getattr(earlier, name), getattr(self, name)
            if now.memory > before.memory + KILOBYTES:
                found.append(f"{name}: memory of {before.memory} kB, then {now.memory} kB")
            if now.descriptors > before.descriptors:
                found.append(f"{name}: {before.descriptors} descriptors, then {now.descriptors}")
            if now.threads > before.threads:
                found.append(f"{name}: {before.threads} threads, then {now.threads}")
        for kind, count in self.rows.items():
            if count > (before_count := earlier.rows.get(kind, 0)) + ROWS:
                found.append(f"rows of {kind}: {before_count}, then {count}")
        return found


def sample(supervisor: int, rows: Mapping[str, int]) -> Sample:
    """Measure the supervisor with its processes, and this one."""
    return Sample(_measure(_family_of(supervisor)), _measure([os.getpid()]), rows)


def _family_of(pid: int) -> Iterable[int]:
    yield pid
    for child in children_of(pid):
        yield from _family_of(child)


def _measure(pids: Iterable[int]) -> Processes:
    memory = descriptors = threads = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        facts = dict(line.split(":", 1) for line in lines)
        memory += int(facts["RssAnon"].split()[0])
        threads += int(facts["Threads"])
        descriptors += len([*Path(f"/proc/{pid}/fd").iterdir()])
    return Processes(memory, descriptors, threads)
