"""The broker's options from a URL."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from taskiq_zmq.errors import AddressError

URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "mode": str,
    "queue_size": int,
    "send_timeout": float,
    "linger": float,
    "max_workers": int,
    "max_message_size": int,
}
"""Options of `ZeroMQBroker` that a URL may have, and what reads their values."""


def read_url(url: str, *, broker: str) -> tuple[str, str, dict[str, Any]]:
    """What `zmq+tcp://host:port?option=value` says: to bind, to connect to, and options.

    Raises:
        AddressError: an option is unknown, or its value can't be read.
    """
    address, _, query = url.removeprefix("zmq+").partition("?")
    bind, options = address, {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "bind":
            bind = value
            continue
        if name not in URL_OPTIONS:
            known = ", ".join(("bind", *URL_OPTIONS))
            reason = f"unknown option {name!r}; known are {known}"
            raise AddressError(broker=broker, address=url, reason=reason)
        try:
            options[name] = URL_OPTIONS[name](value)
        except ValueError as error:
            reason = f"its option {name} is {value!r}"
            raise AddressError(broker=broker, address=url, reason=reason) from error
    return bind, address, options
