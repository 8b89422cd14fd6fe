"""Problems: what is wrong, as far as a snapshot and some facts beside it show."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from taskiq_core.messages.history import DeliveryRecord
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_web.options import DashboardOptions
from taskiq_web.reads.schedules import SourceReport
from taskiq_web.reads.snapshot import Snapshot
from taskiq_web.render.text import shortened
from taskiq_web.render.units import duration_text

MAX_NAMES: Final = 5
"""Names that one problem lists."""
_NAME_WIDTH: Final = 80
LAGS: Final = 1.0
"""Seconds that an event loop may be late."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes:
        kind: what it is, for programs.
        text: what it is, for operators.
        link: the page that shows more, below the dashboard's root.
        is_urgent: whether work is held up or lost.
    """

    kind: str
    text: str
    link: str
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside a snapshot.

    Attributes:
        waiting_tasks: names of tasks whose messages wait, by queue; a sample of each.
        lost: deliveries whose lease ran out a short time ago.
        schedules: of all sources.
    """

    waiting_tasks: Mapping[str, Sequence[str]]
    lost: Sequence[DeliveryRecord]
    schedules: Sequence[SourceReport]


def find_problems(snapshot: Snapshot, facts: Facts, options: DashboardOptions) -> list[Problem]:
    """Return what is wrong, the urgent first.

    Args:
        snapshot: of the broker.
        facts: beside it.
        options: say from when on something counts as wrong.
    """
    found = [
        *_old_messages(snapshot, options.oldest_age),
        *_unserved_queues(snapshot),
        *_unregistered_tasks(snapshot.workers, facts.waiting_tasks),
        *_schedules(facts.schedules),
        *_lost_leases(facts.lost),
        *_dead_letters(snapshot),
        *_paused(snapshot),
        *_worker_states(snapshot.workers or ()),
        *_versions(snapshot.workers or ()),
    ]
    return sorted(found, key=lambda problem: not problem.is_urgent)


def versions_that_differ(workers: Sequence[WorkerRecord]) -> dict[str, Counter[str]]:
    """Return the distributions of which workers have several versions, with their numbers."""
    counts: dict[str, Counter[str]] = {}
    for worker in workers:
        for name, version in worker.versions.items():
            counts.setdefault(name, Counter())[version] += 1
    return {name: versions for name, versions in sorted(counts.items()) if len(versions) > 1}


def _old_messages(snapshot: Snapshot, limit: float) -> Iterator[Problem]:
    for queue, stats in (snapshot.queues or {}).items():
        if stats.oldest_age is not None and stats.oldest_age > limit and not stats.is_paused:
            age = duration_text(stats.oldest_age)
            text = f"The oldest message of queue {queue} has waited for {age}."
            yield Problem("old-message", text, _messages_of(queue), is_urgent=True)


def _unserved_queues(snapshot: Snapshot) -> Iterator[Problem]:
    if snapshot.workers is None:
        return
    queues = snapshot.queues or {}
    default = next(iter(queues), "")
    served = {queue for worker in snapshot.workers for queue in worker.queues or (default,)}
    for queue, stats in queues.items():
        if stats.waiting and queue not in served:
            text = f"No worker listens to queue {queue}, in which {stats.waiting:,} messages wait."
            yield Problem("no-worker", text, "workers", is_urgent=True)


def _unregistered_tasks(
    workers: Sequence[WorkerRecord] | None, waiting: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    telling = [worker for worker in workers or () if worker.task_names]
    if not telling or len(telling) < len(workers or ()):
        return
    known = {name for worker in telling for name in worker.task_names}
    for queue, names in waiting.items():
        unknown = [name for name in dict.fromkeys(names) if name and name not in known]
        if unknown:
            text = f"No worker knows these tasks, which wait in queue {queue}: {_list(unknown)}."
            yield Problem("unregistered-task", text, _messages_of(queue), is_urgent=True)


def _schedules(reports: Sequence[SourceReport]) -> Iterator[Problem]:
    for report in reports:
        if report.problem:
            text = f"{report.name}: {report.problem}"
            yield Problem("schedule-source", text, "schedules", is_urgent=True)
        missed = [row for row in report.rows if row.missed is not None]
        if missed:
            names = _list([f"{row.task_name} ({row.when})" for row in missed])
            text = f"A tick was due and has not been sent: {names}. Does a scheduler run?"
            yield Problem("missed-tick", text, "schedules", is_urgent=True)
        broken = [row for row in report.rows if row.problem]
        if broken:
            names = _list([row.schedule_id for row in broken])
            yield Problem("broken-schedule", f"Schedules won't fire: {names}.", "schedules")


def _lost_leases(lost: Sequence[DeliveryRecord]) -> Iterator[Problem]:
    if lost:
        names = _list(list(dict.fromkeys(each.task_name for each in lost)))
        text = f"Workers have lost {len(lost)} leases in the last minutes, of tasks {names}."
        yield Problem("lost-lease", text, "history?end=lost")


def _dead_letters(snapshot: Snapshot) -> Iterator[Problem]:
    fresh = sum(each.dead for each in snapshot.counters or ())
    if fresh:
        text = f"{fresh:,} messages were buried in the last minutes."
        yield Problem("dead-letters-grow", text, "dead", is_urgent=True)
        return
    for queue, stats in (snapshot.queues or {}).items():
        if stats.dead:
            text = f"Queue {queue} has {stats.dead:,} dead letters."
            yield Problem("dead-letters", text, f"dead?{urlencode({'queue': queue})}")


def _paused(snapshot: Snapshot) -> Iterator[Problem]:
    for queue, stats in (snapshot.queues or {}).items():
        if stats.is_paused:
            yield Problem("paused", f"Queue {queue} is paused.", "queues")


def _worker_states(workers: Sequence[WorkerRecord]) -> Iterator[Problem]:
    degraded = [each.worker_id for each in workers if each.state is WorkerState.DEGRADED]
    if degraded:
        text = f"Workers can't listen to the broker: {_list(degraded)}."
        yield Problem("degraded-worker", text, "workers", is_urgent=True)
    late = [each.worker_id for each in workers if each.loop_lag > LAGS]
    if late:
        text = f"A task blocks the event loop of these workers: {_list(late)}."
        yield Problem("blocked-loop", text, "workers")


def _versions(workers: Sequence[WorkerRecord]) -> Iterator[Problem]:
    for name, versions in versions_that_differ(workers).items():
        counts = ", ".join(f"{version} ({count})" for version, count in versions.most_common())
        yield Problem("versions", f"Versions of {name} differ among workers: {counts}.", "workers")


def _messages_of(queue: str) -> str:
    return f"messages?{urlencode({'queue': queue, 'state': 'waiting'}, errors='replace')}"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(shortened(name, _NAME_WIDTH) for name in names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
