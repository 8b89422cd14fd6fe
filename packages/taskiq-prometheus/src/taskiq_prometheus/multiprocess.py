"""Metrics of several processes in one folder: prometheus-client's multiprocess mode.

Each process writes files there, and the process that serves adds them up. `taskiq worker`
makes a private folder for its workers, names it in `TASKIQ_WORKERS_DIR`, and removes it at its end.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, multiprocess, values

WORKERS_DIR: Final = "TASKIQ_WORKERS_DIR"
"""The folder that the workers of one supervisor share."""
MULTIPROC_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client writes its files."""


def shared_folder(metrics_path: Path | None) -> Path | None:
    """Where this process and its siblings write metrics; None if it has no siblings.

    Args:
        metrics_path: what the program says; it comes before the environment.
    """
    if metrics_path is not None:
        return Path(metrics_path)
    if MULTIPROC_DIR in os.environ:
        return Path(os.environ[MULTIPROC_DIR])
    workers = os.environ.get(WORKERS_DIR)
    return None if workers is None else Path(workers) / "prometheus"


def write_metrics_to(folder: Path) -> None:
    """Write the metrics that this process makes from now on to files in this folder.

    Metrics that were made before stay with the process that made them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[MULTIPROC_DIR] = str(folder)
    if values.ValueClass is values.MutexValue:  # imported before there was a folder
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


class FolderRegistry(CollectorRegistry):
    """The metrics of all processes that write to one folder; gauges of dead ones are left out."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        multiprocess.MultiProcessCollector(self, path=str(folder))  # type: ignore[no-untyped-call]

    def collect(self):  # type: ignore[no-untyped-def]  # noqa: ANN201  # as its base
        """Forget dead processes' gauges, then add up."""
        forget_dead_processes(self._folder)
        return super().collect()


def forget_dead_processes(folder: Path) -> None:
    """Remove the gauges of processes that have ended; their counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            with suppress(FileNotFoundError):  # a sibling was faster
                file.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
