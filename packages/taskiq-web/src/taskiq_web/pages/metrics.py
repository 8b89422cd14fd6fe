"""Metrics: each minute of the last eight hours, as charts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.messages.history import MinuteCounters
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import has
from taskiq_web.reads.metrics import HOURS, series_of
from taskiq_web.reads.snapshot import history_hint
from taskiq_web.state import PageRequest

TTL: Final = 10.0
"""Seconds that the counters of eight hours are kept."""


async def read(request: PageRequest) -> Mapping[str, Any]:
    """Return the counts of each minute, of all tasks or of one."""
    broker = request.broker
    if not has(broker, Capability.HISTORY):
        raise RequestRefusedError(status=501, reason=history_hint(broker))
    now = datetime.now(UTC)
    counters: list[MinuteCounters] = await request.state.reads.get(
        "metrics", lambda: _counters(request, now), ttl=TTL
    )
    task = request.text("task")
    chosen = [each for each in counters if task in ("", each.task_name)]
    return {
        "task": task,
        "tasks": sorted({each.task_name for each in counters}),
        "hours": HOURS,
        "series": series_of(chosen, now),
        "is_empty": not chosen,
        "hint": history_hint(broker),
    }


async def _counters(request: PageRequest, now: datetime) -> list[MinuteCounters]:
    since = now - timedelta(hours=HOURS)
    return list(await request.broker.minute_counters(since=since))


PAGES: Final = (Page("metrics", "Metrics", "metrics.html", read, menu="Metrics"),)
