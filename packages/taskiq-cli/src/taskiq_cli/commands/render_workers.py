"""Records of workers as tables; and how their versions differ."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskiq_cli.commands.units import age_text, duration_text, size_text
from taskiq_cli.tables import table
from taskiq_cli.terminal_text import one_line

if TYPE_CHECKING:
    from taskiq_core.messages.worker_record import WorkerRecord


def worker_tables(workers: "Sequence[WorkerRecord]") -> str:
    """Return a table of workers, one of their running tasks, and the versions that differ."""
    now = datetime.now(UTC)
    differing = differing_versions(workers)
    parts = [_table_of_workers(workers, set(_minority(differing)), now)]
    if running := running_table(workers, now):
        parts.append(running)
    if differing:
        parts.append("\n".join(_version_lines(differing)))
    return "\n\n".join(parts)


def running_table(workers: "Iterable[WorkerRecord]", now: datetime) -> str:
    """Return one line for each running task, the longest first; empty if no task runs."""
    running = [(task, worker) for worker in workers for task in worker.running]
    if not running:
        return ""
    rows = [
        (
            one_line(task.task_name),
            one_line(task.task_id),
            one_line(worker.worker_id),
            str(task.attempt),
            age_text(task.started_at, now),
        )
        for task, worker in sorted(running, key=lambda pair: pair[0].started_at)
    ]
    return table(("RUNNING TASK", "TASK ID", "WORKER", "ATTEMPT", "FOR"), rows)


def differing_versions(workers: "Sequence[WorkerRecord]") -> dict[str, dict[str, list[str]]]:
    """Return the distributions of which workers have different versions.

    Returns:
        By distribution and version, the ids of the workers; a missing one has the version "none".
    """
    found: dict[str, dict[str, list[str]]] = {}
    names = {name for worker in workers for name in worker.versions}
    for name in sorted(names):
        by_version: dict[str, list[str]] = {}
        for worker in workers:
            version = worker.versions.get(name, "none")
            by_version.setdefault(version, []).append(worker.worker_id)
        if len(by_version) > 1:
            found[name] = by_version
    return found


def _table_of_workers(workers: "Sequence[WorkerRecord]", marked: set[str], now: datetime) -> str:
    rows = [
        (
            one_line(each.worker_id) + ("*" if each.worker_id in marked else ""),
            one_line(each.host),
            str(each.pid),
            each.state.value,
            one_line(",".join(each.queues)) or "-",
            f"{each.running_count} of {'-' if each.slots_total is None else each.slots_total}",
            str(each.tasks_done),
            duration_text(each.loop_lag),
            size_text(each.memory),
            age_text(each.started_at, now),
            age_text(each.seen_at, now),
        )
        for each in workers
    ]
    header = (
        *("WORKER", "HOST", "PID", "STATE", "QUEUES", "RUNNING", "DONE", "LAG", "MEMORY", "UP"),
        "SEEN BEFORE",
    )
    return table(header, rows)


def _minority(differing: dict[str, dict[str, list[str]]]) -> Iterable[str]:
    """Yield the workers that have another version than most have."""
    for by_version in differing.values():
        most = max(by_version.values(), key=len)
        for workers in by_version.values():
            if workers is not most:
                yield from workers


def _version_lines(differing: dict[str, dict[str, list[str]]]) -> Iterable[str]:
    for name, by_version in differing.items():
        versions = "; ".join(
            f"{one_line(version)} on {', '.join(map(one_line, workers))}"
            for version, workers in by_version.items()
        )
        yield f"* Versions of {one_line(name)} differ: {versions}"
