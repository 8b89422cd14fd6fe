"""What the package can do, and the options of its classes; imported by the plugin."""

from typing import Any, Final

from taskiq_core.brokers.url_options import OptionReaders, take_url_options
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError
from taskiq_redis.errors import RedisUrlError

QUEUE_CAPABILITIES: Final = frozenset(
    {
        Capability.ACK,
        Capability.RELEASE,
        Capability.LEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT_RUNNING,
        Capability.ABORT_QUEUED,
        Capability.PRIORITY,
        Capability.EXPIRY,
        Capability.UNIQUE,
        Capability.BATCH,
        Capability.PUSH_RESULTS,
        Capability.QUEUES,
        Capability.INSPECT,
        Capability.PRESENCE,
        Capability.PAUSE,
        Capability.HISTORY,
        Capability.CLAIMS,
    }
)
"""Of `RedisBroker`."""
PUBSUB_CAPABILITIES: Final = frozenset({Capability.BROADCAST, Capability.BATCH})
"""Of `PubSubBroker`."""
SCHEMES: Final = ("redis", "rediss", "unix")
"""Of the URLs of the durable queue, of results and of schedules."""
PUBSUB_SCHEME: Final = "redis+pubsub"

SOCKET_TIMEOUT: Final = 10.0
"""Seconds without a reply after which a connection is given up."""
DAY: Final = 86_400
WEEK: Final = 7 * 86_400.0
LAST_TICK_MEMORY: Final = 400 * 86_400.0
"""Seconds that a broker keeps last ticks: more than a year."""

BROKER_READERS: Final[OptionReaders] = {
    "queue_name": str,
    "lease": float,
    "result_ex_time": int,
    "max_message_size": int,
    "poll_interval": float,
    "socket_timeout": float,
    "history": int,
}
"""Options of `RedisBroker` that a URL may have."""
PUBSUB_READERS: Final[OptionReaders] = {"queue_name": str, "socket_timeout": float}
"""Options of `PubSubBroker` that a URL may have."""
RESULT_READERS: Final[OptionReaders] = {
    "result_ex_time": int,
    "result_px_time": int,
    "prefix_str": str,
    "poll_interval": float,
    "socket_timeout": float,
}
"""Options of `RedisAsyncResultBackend` that a URL may have."""
SCHEDULE_READERS: Final[OptionReaders] = {
    "prefix": str,
    "claim_lease": float,
    "claim_memory": float,
    "socket_timeout": float,
}
"""Options of `ListRedisScheduleSource` that a URL may have."""


def read_url(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Take our options out of a URL; the others are left to redis-py.

    Args:
        url: such as `redis://host:6379/0?queue_name=mail`.
        readers: the options that it may have.

    Returns:
        The URL without them, and their values by name.

    Raises:
        RedisUrlError: the value of an option can't be read.
    """
    try:
        return take_url_options(url, readers)
    except UrlOptionError as error:
        raise RedisUrlError(reason=error.reason) from error


def require_positive(owner: object, **values: float) -> None:
    """Raise ValueError for the first option that is not above 0."""
    for name, value in values.items():
        if not value > 0:  # also true for NaN
            raise ValueError(f"{type(owner).__name__}: {name} must be above 0, not {value}")
