"""Workers of all machines, and the history of what they did."""

from collections.abc import Mapping
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.messages.history import DeliveryEnd
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import has
from taskiq_web.reads.problems import versions_that_differ
from taskiq_web.reads.snapshot import history_hint
from taskiq_web.render.values import MASK
from taskiq_web.state import PageRequest


async def read_workers(request: PageRequest) -> Mapping[str, Any]:
    """Return all workers, what they run, and versions that differ."""
    snapshot = await request.state.snapshot()
    workers = snapshot.workers
    return {
        "workers": workers,
        "differing": versions_that_differ(workers or ()),
        "missing": snapshot.missing,
    }


async def read_history(request: PageRequest) -> Mapping[str, Any]:
    """Return a page of the deliveries that have ended, the latest first."""
    broker = request.broker
    if not has(broker, Capability.HISTORY):
        raise RequestRefusedError(status=501, reason=history_hint(broker))
    try:
        end = DeliveryEnd(request.text("end")) if request.text("end") else None
        page = await broker.deliveries_of_past(
            task_name=request.text("task") or None,
            end=end,
            after=request.text("after") or None,
            limit=request.state.options.page_size,
        )
    except ValueError as error:
        raise RequestRefusedError(status=400, reason="There is no such page.") from error
    deliveries = page.deliveries
    if request.access.masks_content:
        deliveries = [
            each.model_copy(update={"error": MASK}) if each.error else each for each in deliveries
        ]
    return {
        "deliveries": deliveries,
        "after": page.after,
        "task": request.text("task"),
        "end": request.text("end"),
        "ends": [each.value for each in DeliveryEnd],
        "hint": history_hint(broker),
    }


PAGES: Final = (
    Page("workers", "Workers", "workers.html", read_workers, menu="Workers"),
    Page("history", "History", "history.html", read_history, menu="History"),
)
