"""Who gets a task, and what the broker can do then."""

from enum import StrEnum
from typing import Final

from taskiq_core.capabilities import Capability


class DeliveryMode(StrEnum):
    """Who gets a task."""

    EXCLUSIVE = "exclusive"
    """One worker process."""
    BROADCAST = "broadcast"
    """Every worker process that is connected; the first one, if none is yet."""


_COMMON = frozenset(
    {
        Capability.RELEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT,
        Capability.BATCH,
        Capability.PUSH_RESULTS,
    }
)
CAPABILITIES: Final = {
    DeliveryMode.EXCLUSIVE: _COMMON | {Capability.ACK},
    DeliveryMode.BROADCAST: _COMMON | {Capability.BROADCAST},
}
"""What the broker can do in each mode. In broadcast mode nobody takes over from a dead worker."""
