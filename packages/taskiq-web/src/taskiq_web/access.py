"""Access: what a viewer of the dashboard may see and do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from starlette.requests import Request


class Action(StrEnum):
    """Something that a viewer may change."""

    ABORT = "abort"
    """Abort a task, wherever it is."""
    MOVE = "move"
    """Have a delayed message delivered now."""
    PAUSE = "pause"
    """Pause and resume queues."""
    PURGE = "purge"
    """Drop all messages of a queue that wait or are delayed."""
    REPLAY = "replay"
    """Queue dead letters again, as they are."""
    PURGE_DEAD = "purge-dead"
    """Forget dead letters."""
    SCHEDULE = "schedule"
    """Pause, resume, delete and send schedules as they are."""
    RUN = "run"
    """Send tasks, dead letters and schedules with arguments that the viewer has typed."""


UNTYPED: Final = frozenset(Action) - {Action.RUN}
"""All actions but the one that lets a viewer run tasks with arguments of their choice."""

MASKED_NAMES: Final = frozenset(
    {
        "apikey",
        "api_key",
        "authorization",
        "cookie",
        "credential",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
        "session",
        "token",
    }
)
"""Parts of names whose values are masked."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one viewer may see and do.

    Attributes:
        name: who it is, for the audit.
        actions: what the viewer may do; the dashboard's own options may allow less.
        masked_names: an argument, a label or a key whose name has one of these parts, in upper or
            lower case, is shown without its value.
        masks_content: whether arguments, labels, results and errors are masked altogether.
    """

    name: str
    actions: frozenset[Action] = UNTYPED
    masked_names: frozenset[str] = MASKED_NAMES
    masks_content: bool = False


Resolver: TypeAlias = Callable[[Request], Access | Awaitable[Access | None] | None]
"""Says what the sender of a request may do; None for a request that is to be refused."""
