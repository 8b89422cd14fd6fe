"""How much hostile input is tried, and where the counts go."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FULL = "TASKIQ_HOSTILE"
"""Set to a seed by `nox -s hostile`; without it tests are short."""
COUNTS = "TASKIQ_HOSTILE_COUNTS"
"""A file that gets a line of JSON for each trial."""
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is tried.

    Attributes:
        seed: of all choices.
        cases: inputs of each format.
        good: tasks beside them that must be run.
        largest: bytes of the largest text.
        seconds: that a trial may last in which time matters.
        memory: bytes that a process may have.
    """

    seed: int
    cases: int
    good: int
    largest: int
    seconds: float
    memory: int

    @property
    def patience(self) -> float:
        """Seconds after which what is waited for does not happen any more."""
        return 280.0 if self.is_full else 60.0

    @property
    def is_full(self) -> bool:
        """Whether this is `nox -s hostile`."""
        return self.cases >= 10_000


def scale() -> Scale:
    """What this run is to try."""
    seed = os.environ.get(FULL)
    if seed is None:
        return Scale(1, 400, 20, MEGABYTE, 2.0, 400 * MEGABYTE)
    return Scale(int(seed), 10_000, 500, 50_000_000, 20.0, 1_500 * MEGABYTE)


def count(trial: str, tried: int, **facts: Any) -> None:
    """Note what was tried, for `docs/guarantees.md`."""
    path = os.environ.get(COUNTS)
    if path is not None:
        with Path(path).open("a") as file:
            file.write(json.dumps({"trial": trial, "tried": tried, **facts}) + "\n")


def counts(path: Path) -> list[Mapping[str, Any]]:
    """What was noted."""
    return [json.loads(line) for line in path.read_text().splitlines()]
