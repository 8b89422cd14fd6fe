"""What InMemoryBroker can do and how much it keeps."""

from typing import Final

from taskiq_core.capabilities import Capability

CAPABILITIES: Final = frozenset(
    {
        Capability.ACK,
        Capability.RELEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT_RUNNING,
        Capability.ABORT_QUEUED,
        Capability.PUSH_RESULTS,
        Capability.QUEUES,
        Capability.INSPECT,
        Capability.PRESENCE,
        Capability.PAUSE,
        Capability.HISTORY,
    }
)
"""Of a broker that waits for delays, as those made from a URL do; others lack DELAY."""
MAX_DEAD_LETTERS: Final = 1000
"""Dead letters that are kept; the oldest are dropped."""
