"""What the package can do, and the options of its class; imported by the plugin."""

from typing import Any, Final

from taskiq_aio_pika.errors import RabbitUrlError
from taskiq_core.brokers.url_options import OptionReaders, take_url_options, unknown_option
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError

CAPABILITIES: Final = frozenset(
    {
        Capability.ACK,
        Capability.RELEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT_RUNNING,
        Capability.EXPIRY,
        Capability.BATCH,
    }
)
"""Of `AioPikaBroker`; one that has several `task_queues` has QUEUES, too."""
SCHEMES: Final = ("amqp", "amqps")
DEFAULT_URL: Final = "amqp://guest:guest@localhost:5672/"
DEFAULT_QUEUE: Final = "taskiq"
HEARTBEAT: Final = 10
"""Seconds between two signs of life of a connection."""
CONFIRM_TIMEOUT: Final = 30.0
"""Seconds without an answer of the server after which a call is given up."""
ABORT_TIMEOUT: Final = 1.0
MAX_PREFETCH: Final = 1_000
"""Messages that a worker holds at most, however many slots it has."""
LARGEST_MESSAGE: Final = 128 * 1024 * 1024
"""Upper bound of `max_message_size`: RabbitMQ has a limit of its own."""

URL_READERS: Final[OptionReaders] = {
    "queue_name": str,
    "qos": int,
    "max_message_size": int,
    "confirm_timeout": float,
    "abort_timeout": float,
}
"""Options of `AioPikaBroker` that a URL may have, each with the function that reads its text."""
CONNECTION_OPTIONS: Final = frozenset(
    {"heartbeat", "name", "cafile", "capath", "cadata", "certfile", "keyfile", "no_verify_ssl"}
)
"""Options of a URL that aiormq reads."""


def read_url(url: str) -> tuple[str, dict[str, Any]]:
    """Take our options out of a URL, and leave the options of the connection in it.

    Args:
        url: such as `amqp://user:password@host/vhost?queue_name=mails`.

    Returns:
        The URL without them, and their values by name.

    Raises:
        RabbitUrlError: the value of an option can't be read.
    """
    try:
        return take_url_options(url, URL_READERS)
    except UrlOptionError as error:
        raise RabbitUrlError(reason=error.reason) from error


def require_connection_option(name: str) -> None:
    """Refuse an option of a URL that is unknown.

    Raises:
        RabbitUrlError: it is unknown; the message names the one that is meant.
    """
    if name not in CONNECTION_OPTIONS:
        known = dict.fromkeys([*URL_READERS, *sorted(CONNECTION_OPTIONS)])
        raise RabbitUrlError(reason=unknown_option(name, known))


def require_positive(**values: float | None) -> None:
    """Raise ValueError for the first option that is not above 0; None stands for no limit."""
    for name, value in values.items():
        if value is not None and not value > 0:  # also true for NaN
            raise ValueError(f"AioPikaBroker: {name} must be above 0, not {value}")
