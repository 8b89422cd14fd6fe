"""Schedules: when they were due last, and when they are due next."""

from collections.abc import Mapping
from typing import Any, Final

from taskiq_web.pages.page import Page
from taskiq_web.reads.schedules import read_schedules
from taskiq_web.state import PageRequest


async def read(request: PageRequest) -> Mapping[str, Any]:
    """Return the schedules of all sources."""
    state = request.state
    grace = state.options.schedule_grace
    reports = await read_schedules(state.sources, state.broker, request.access, grace=grace)
    return {"sources": reports, "tasks": sorted(state.broker.get_all_tasks())}


PAGES: Final = (Page("schedules", "Schedules", "schedules.html", read, menu="Schedules"),)
