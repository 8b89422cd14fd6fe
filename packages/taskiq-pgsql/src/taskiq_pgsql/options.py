"""What the package can do, and the options of its classes; imported by the plugin."""

from typing import TYPE_CHECKING, Any, Final

from taskiq_core.brokers.url_options import OptionReaders, take_url_options
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError
from taskiq_pgsql.errors import PostgresUrlError

if TYPE_CHECKING:
    from taskiq_core.messages.history import HistoryOptions

CAPABILITIES: Final = frozenset(
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
        Capability.TRANSACTION,
    }
)
"""Of `PostgresBroker`."""
SCHEMES: Final = ("postgresql", "postgres")
DEFAULT_URL: Final = "postgresql://localhost"
DEFAULT_SCHEMA: Final = "taskiq"
LONGEST_NAME: Final = 63
"""Bytes of an identifier."""
COMMAND_TIMEOUT: Final = 10.0
"""Seconds without a reply after which a connection is given up."""
DAY: Final = 86_400.0
CLAIM_MEMORY: Final = 7 * DAY
"""Seconds for which claims are kept after they were confirmed or ran out."""
LARGEST_MESSAGE: Final = 256 * 1024 * 1024
"""Upper bound of `max_message_size`: PostgreSQL's values have a limit."""
DURABILITIES: Final = ("normal", "strict")


def read_history(text: str) -> "HistoryOptions":
    """Read the number of deliveries that the history keeps; raises ValueError."""
    from taskiq_core.messages.history import HistoryOptions  # noqa: PLC0415  # it is pydantic's

    return HistoryOptions(max_deliveries=int(text))


_DATABASE: Final[OptionReaders] = {
    "schema": str,
    "command_timeout": float,
    "durability": str,
}
BROKER_URL: Final[OptionReaders] = {
    "queue_name": str,
    "lease": float,
    "result_ttl": float,
    "max_message_size": int,
    "poll_interval": float,
    "history": read_history,
    **_DATABASE,
}
"""Options of `PostgresBroker` that a URL may have, each with the function that reads its text."""
RESULTS_URL: Final[OptionReaders] = {"result_ttl": float, "poll_interval": float, **_DATABASE}
"""Likewise of `PostgresResultBackend`."""
SCHEDULES_URL: Final[OptionReaders] = {"claim_lease": float, "claim_memory": float, **_DATABASE}
"""Likewise of `PostgresScheduleSource`."""


def read_url(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Take our options out of a URL; the others are left to asyncpg.

    Args:
        url: such as `postgresql://user@host/app?lease=30&sslmode=require`.
        readers: the options that it may have.

    Returns:
        The URL without them, and their values by name.

    Raises:
        PostgresUrlError: the value of an option can't be read.
    """
    try:
        return take_url_options(url, readers)
    except UrlOptionError as error:
        raise PostgresUrlError(reason=error.reason) from error


def require_positive(owner: str, **values: float | None) -> None:
    """Raise ValueError for the first option that is not above 0; None stands for no limit."""
    for name, value in values.items():
        if value is not None and not value > 0:  # also true for NaN
            raise ValueError(f"{owner}: {name} must be above 0, not {value}")


def require_message_size(limit: int) -> None:
    """Refuse a `max_message_size` out of range; raises ValueError."""
    if not 0 < limit <= LARGEST_MESSAGE:
        raise ValueError(f"PostgresBroker: max_message_size is 1 to {LARGEST_MESSAGE} bytes")
