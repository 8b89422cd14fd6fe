"""What speaks against an action: the broker, the dashboard's options, or the viewer's access."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from taskiq_core.abc.queue_admin import QueueAdmin
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_web.access import Access, Action
from taskiq_web.options import DashboardOptions
from taskiq_web.reads.broker_queues import has

_NEEDED: Final = MappingProxyType(
    {
        Action.ABORT: (Capability.ABORT_RUNNING, Capability.ABORT_QUEUED),
        Action.MOVE: (Capability.INSPECT,),
        Action.PAUSE: (Capability.PAUSE,),
        Action.REPLAY: (Capability.DEAD_LETTER,),
        Action.PURGE_DEAD: (Capability.DEAD_LETTER,),
    }
)
"""Capabilities of which the broker needs one."""
_LACKS: Final = MappingProxyType(
    {
        Action.ABORT: "can't abort tasks",
        Action.MOVE: "can't move delayed messages",
        Action.PAUSE: "can't pause a queue",
        Action.PURGE: "can't purge a queue",
        Action.REPLAY: "does not keep dead letters",
        Action.PURGE_DEAD: "does not keep dead letters",
    }
)


def reason_against(
    action: Action, broker: AsyncBroker, access: Access, options: DashboardOptions
) -> str:
    """Return why a viewer can't do something; empty if nothing speaks against it.

    Args:
        action: what the viewer wants to do.
        broker: would have to do it.
        access: of the viewer.
        options: of the dashboard.
    """
    if not _can(broker, action):
        return f"{type(broker).__name__} {_LACKS[action]}."
    if options.read_only:
        return "This dashboard is read-only."
    if action not in options.actions:
        if action is Action.RUN:
            return "Running tasks with typed arguments is off: see the option --allow-run."
        return "This dashboard does not allow it."
    if action not in access.actions:
        return "You may not do that."
    return ""


def reasons_against(
    broker: AsyncBroker, access: Access, options: DashboardOptions
) -> Mapping[str, str]:
    """Return what speaks against each action, by its name; see `reason_against`."""
    return {each.value: reason_against(each, broker, access, options) for each in Action}


def _can(broker: AsyncBroker, action: Action) -> bool:
    if action is Action.PURGE:
        return type(broker).purge is not QueueAdmin.purge
    needed = _NEEDED.get(action, ())
    return not needed or any(has(broker, each) for each in needed)
