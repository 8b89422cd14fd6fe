"""The modes, capabilities and options of the broker."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from taskiq_core.capabilities import Capability


class DeliveryMode(StrEnum):
    """Which workers get a task."""

    EXCLUSIVE = "exclusive"
    """One worker process."""
    BROADCAST = "broadcast"
    """Every connected worker process; the first one to connect if there are none yet."""


_COMMON = frozenset(
    {
        Capability.RELEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT_RUNNING,
        Capability.ABORT_QUEUED,
        Capability.BATCH,
        Capability.PUSH_RESULTS,
        Capability.PAUSE,
        Capability.QUEUES,
        Capability.PRESENCE,
    }
)
CAPABILITIES: Final = {
    DeliveryMode.EXCLUSIVE: _COMMON | {Capability.ACK, Capability.INSPECT},
    DeliveryMode.BROADCAST: _COMMON | {Capability.BROADCAST},
}
"""The capabilities in each mode. In broadcast mode no worker takes over from a dead one,
and each has its own copies of the messages."""

LISTEN_PREFETCH: Final = 64
"""Messages that `listen` fetches ahead, for callers that have no slots."""

MAX_TEXT: Final = 65_535
"""Bytes that a task id or a task name may have in UTF-8: the protocol can't carry more."""

URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "bind": str,
    "mode": str,
    "queue_size": int,
    "send_timeout": float,
    "linger": float,
    "max_workers": int,
    "max_message_size": int,
}
"""The options in the query of a URL, with their readers; all but `bind` are of `ZeroMQBroker`."""

LEAST: Final[Mapping[str, int]] = {
    "queue_size": 1,
    "max_message_size": 1,
    "max_workers": 1,
    "max_dead_letters": 0,
    "send_timeout": 0,
    "linger": 0,
}
"""The lowest value of each option that is a number."""


def check_options(**options: float) -> None:
    """Raise ValueError for a number that is out of range."""
    for name, value in options.items():
        if not value >= LEAST[name]:  # also true for NaN
            raise ValueError(f"ZeroMQBroker: {name} must be at least {LEAST[name]}, not {value}")
