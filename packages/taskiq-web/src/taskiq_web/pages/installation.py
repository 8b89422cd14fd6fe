"""Plugins that are installed, and the audit of this dashboard."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from taskiq_web.actions.availability import reasons_against
from taskiq_web.pages.page import Page
from taskiq_web.reads.plugins import capability_rows, plugin_rows
from taskiq_web.state import PageRequest


async def read_plugins(request: PageRequest) -> Mapping[str, Any]:
    """Return the installed plugins, and what this dashboard's broker can do."""
    registry, broker = request.state.registry, request.broker
    # Reads a file of each package.
    brokers = await request.state.reads.get(
        "capabilities", lambda: asyncio.to_thread(capability_rows, registry), ttl=3600.0
    )
    return {
        "broker": type(broker).__name__,
        "capabilities": sorted(each.value for each in broker.capabilities or ()),
        "actions": reasons_against(broker, request.access, request.state.options),
        "plugins": plugin_rows(registry),
        "brokers": brokers,
    }


async def read_audit(request: PageRequest) -> Mapping[str, Any]:
    """Return what viewers of this dashboard have done since it was started."""
    return {"entries": request.state.audit.entries()}


PAGES: Final = (
    Page("plugins", "Plugins", "plugins.html", read_plugins, menu="Plugins"),
    Page("audit", "Audit", "audit.html", read_audit, menu="Audit"),
)
