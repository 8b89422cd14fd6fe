"""What the package can do, and the options of its classes; imported by the plugin."""

from typing import Any, Final

from taskiq_core.brokers.url_options import OptionReaders, read_switch, read_url_options
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import UrlOptionError
from taskiq_nats.errors import NatsUrlError

CAPABILITIES: Final = frozenset(
    {
        Capability.ACK,
        Capability.RELEASE,
        Capability.LEASE,
        Capability.DELAY,
        Capability.DEAD_LETTER,
        Capability.ABORT_RUNNING,
        Capability.ABORT_QUEUED,
        Capability.UNIQUE,
        Capability.BATCH,
        Capability.PUSH_RESULTS,
        Capability.PAUSE,
        Capability.CLAIMS,
    }
)
"""Of `JetStreamBroker`."""
SCHEMES: Final = ("nats", "nats+tls")
DEFAULT_URL: Final = "nats://localhost:4222"
DAY: Final = 86_400.0
REQUEST_TIMEOUT: Final = 5.0
"""Seconds without an answer after which a request has failed."""
_ADDRESS: Final[OptionReaders] = {
    "request_timeout": float,
    "replicas": int,
    "token": str,
    "user_credentials": str,
    "nkeys_seed": str,
    "tls_ca_file": str,
    "tls_cert_file": str,
    "tls_key_file": str,
    "tls_hostname": str,
    "tls_handshake_first": read_switch,
}
BROKER_URL: Final[OptionReaders] = {
    "queue_name": str,
    "lease": float,
    "result_ttl": float,
    "max_message_size": int,
    **_ADDRESS,
}
"""Options of `JetStreamBroker` that a URL may have, each with the function that reads its text."""
RESULTS_URL: Final[OptionReaders] = {"bucket": str, "result_ttl": float, **_ADDRESS}
"""Likewise of `JetStreamResultBackend`."""


def read_url(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Read all options of a URL.

    Args:
        url: such as `nats://user:password@host1:4222,host2:4222?lease=30`.
        readers: the options that it may have.

    Returns:
        The URL without them, and their values by name.

    Raises:
        NatsUrlError: an option is unknown, or its value can't be read.
    """
    try:
        return read_url_options(url, readers)
    except UrlOptionError as error:
        raise NatsUrlError(reason=error.reason) from error


def require_positive(owner: str, **values: float | None) -> None:
    """Raise ValueError for the first option that is not above 0; None stands for no limit."""
    for name, value in values.items():
        if value is not None and not value > 0:  # also true for NaN
            raise ValueError(f"{owner}: {name} must be above 0, not {value}")
