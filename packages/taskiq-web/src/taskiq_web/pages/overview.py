"""The first page: numbers, and what is wrong."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.history import DeliveryEnd, DeliveryRecord
from taskiq_core.messages.message_info import MessageState
from taskiq_web.access import Access
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import arguments_of, has
from taskiq_web.reads.problems import Facts, find_problems
from taskiq_web.reads.schedules import SourceReport, read_schedules
from taskiq_web.reads.snapshot import Snapshot, oldest_age, total
from taskiq_web.state import DashboardState, PageRequest

SAMPLE: Final = 20
"""Waiting messages of a queue that are looked at for tasks that no worker knows."""
SAMPLED_QUEUES: Final = 10
FACTS_TTL: Final = 10.0
"""Seconds that what is known beside a snapshot is kept."""
LOST_SINCE: Final = timedelta(minutes=15)


async def read(request: PageRequest) -> Mapping[str, Any]:
    """Return the numbers of all queues together, and a list of what is wrong."""
    state = request.state
    snapshot = await state.snapshot()
    facts = await state.reads.get("facts", lambda: _facts(state, snapshot), ttl=FACTS_TTL)
    return {
        "at": snapshot.at,
        "waiting": total(snapshot, "waiting"),
        "running": total(snapshot, "delivered"),
        "delayed": total(snapshot, "delayed"),
        "dead": total(snapshot, "dead"),
        "per_minute": snapshot.per_minute,
        "oldest_age": oldest_age(snapshot),
        "workers": None if snapshot.workers is None else len(snapshot.workers),
        "problems": find_problems(snapshot, facts, state.options),
        "queues": snapshot.queues,
        "missing": snapshot.missing,
    }


async def _facts(state: DashboardState, snapshot: Snapshot) -> Facts:
    queues = [name for name, stats in (snapshot.queues or {}).items() if stats.waiting]
    return Facts(
        waiting_tasks=await _waiting_tasks(state.broker, queues, snapshot),
        lost=await _lost(state.broker),
        schedules=await schedule_reports(state),
    )


async def schedule_reports(state: DashboardState) -> Sequence[SourceReport]:
    """Return the schedules for the problems; no viewer sees their arguments here."""
    nobody = Access("", masks_content=True)
    grace = state.options.schedule_grace
    return await read_schedules(state.sources, state.broker, nobody, grace=grace)


async def _waiting_tasks(
    broker: AsyncBroker, queues: Sequence[str], snapshot: Snapshot
) -> dict[str, Sequence[str]]:
    if not has(broker, Capability.INSPECT) or not snapshot.workers:
        return {}
    found: dict[str, Sequence[str]] = {}
    for queue in islice(queues, SAMPLED_QUEUES):
        page = await broker.messages(
            MessageState.WAITING, limit=SAMPLE, **arguments_of(broker, queue)
        )
        found[queue] = [each.task_name for each in page.messages]
    return found


async def _lost(broker: AsyncBroker) -> Sequence[DeliveryRecord]:
    if not has(broker, Capability.HISTORY):
        return ()
    page = await broker.deliveries_of_past(end=DeliveryEnd.LOST, limit=SAMPLE)
    since = datetime.now(UTC) - LOST_SINCE
    return [each for each in page.deliveries if each.ended_at >= since]


PAGES: Final = (Page("", "Overview", "overview.html", read, menu="Overview"),)
