"""What the parts of this package can do and be given; imports nothing heavy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from taskiq_core.brokers.url_options import OptionReaders, read_switch, read_url_options
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError
from taskiq_sqlite.errors import DatabaseFileError

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
        Capability.QUEUES,
        Capability.INSPECT,
        Capability.PRESENCE,
        Capability.PAUSE,
        Capability.HISTORY,
        Capability.CLAIMS,
        Capability.PRIORITY,
        Capability.EXPIRY,
        Capability.UNIQUE,
        Capability.BATCH,
        Capability.PUSH_RESULTS,
    }
)
DEFAULT_PATH: Final = "taskiq.db"
DAY: Final = 86_400.0
CLAIM_MEMORY: Final = 7 * DAY
"""Seconds for which claims are kept after they were confirmed or ran out."""
LARGEST_MESSAGE: Final = 256 * 1024 * 1024
"""Upper bound of `max_message_size`: SQLite's values have a limit."""
MAX_FETCH: Final = 100
"""Messages of one fetch at most, for workers without a limit of slots."""


def read_history(text: str) -> "HistoryOptions":
    """Read the number of deliveries that the history keeps; raises ValueError."""
    from taskiq_core.messages.history import HistoryOptions  # noqa: PLC0415  # it is pydantic's

    return HistoryOptions(max_deliveries=int(text))


_DATABASE: Final[OptionReaders] = {
    "synchronous": str,
    "busy_timeout": float,
    "allow_network_file_system": read_switch,
}
BROKER_URL: Final[OptionReaders] = {
    "lease": float,
    "result_ttl": float,
    "max_message_size": int,
    "poll_interval": float,
    "history": read_history,
    **_DATABASE,
}
"""Options of `SQLiteBroker` that a URL may have, each with the function that reads its text."""
RESULTS_URL: Final[OptionReaders] = {"result_ttl": float, "poll_interval": float, **_DATABASE}
"""Likewise of `SQLiteResultBackend`."""
SCHEDULES_URL: Final[OptionReaders] = {
    "claim_lease": float,
    "claim_memory": float,
    **_DATABASE,
}
"""Likewise of `SQLiteScheduleSource`."""


def require_positive(owner: str, values: Mapping[str, float | None]) -> None:
    """Refuse options that are not above 0.

    Args:
        owner: the class that has the options.
        values: the options by name; None stands for no limit.

    Raises:
        ValueError: a value is 0, negative or not a number.
    """
    for name, value in values.items():
        if value is not None and not value > 0:  # also true for NaN
            raise ValueError(f"{owner}: {name} must be above 0, not {value}")


def require_message_size(limit: int) -> None:
    """Refuse a `max_message_size` out of range; raises ValueError."""
    if not 0 < limit <= LARGEST_MESSAGE:
        raise ValueError(f"SQLiteBroker: max_message_size is 1 to {LARGEST_MESSAGE} bytes")


def read_url(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Read `sqlite:///relative/path.db?option=value`.

    A path that begins with a slash of its own is absolute: `sqlite:////var/lib/app/tasks.db`.

    Args:
        url: what to read.
        readers: the options that the URL may have.

    Returns:
        The path, and the values of the options by name.

    Raises:
        DatabaseFileError: the URL can't be read.
    """
    scheme, separator, rest = url.partition("?")[0].partition("://")
    if scheme != "sqlite" or not separator or not rest.startswith("/") or rest == "/":
        reason = "a URL looks like sqlite:///tasks.db, or sqlite:////var/lib/app/tasks.db"
        raise DatabaseFileError(address=url, reason=reason)
    try:
        _, found = read_url_options(url, readers)
    except UrlOptionError as error:
        raise DatabaseFileError(address=url, reason=error.reason) from error
    return unquote(rest[1:]), found
