"""NatsServer: where the servers are, and how to log in; read from a URL."""

import ssl
from typing import Any, Final, TypedDict
from urllib.parse import unquote, urlsplit

from taskiq_nats.errors import NatsUrlError
from taskiq_nats.options import REQUEST_TIMEOUT, SCHEMES, require_positive

RECONNECT_WAIT: Final = 0.2
"""Seconds between two attempts to connect to the same server again."""
CONNECT_TIMEOUT: Final = 2
"""Seconds that one attempt may take."""
PING_INTERVAL: Final = 5
"""Seconds between two questions to a silent server, of which two may stay without an answer."""


class ServerOptions(TypedDict, total=False):
    """The options of `NatsServer` beside its URL."""

    request_timeout: float
    replicas: int
    token: str
    user_credentials: str
    nkeys_seed: str
    tls_ca_file: str
    tls_cert_file: str
    tls_key_file: str
    tls_hostname: str
    tls_handshake_first: bool
    connect_options: dict[str, Any]


class NatsServer:
    """The servers of one cluster, with credentials, and the options of connections to them.

    Attributes:
        address: of the servers, without credentials, for logs and errors.
        request_timeout: seconds without an answer after which a request has failed.
        replicas: servers of a cluster that keep each stream.

    Args:
        url: `nats://user:password@host1:4222,host2:4222`; `nats+tls` for TLS.
        options: see the README; `connect_options` are those of `nats.connect`.

    Raises:
        NatsUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.request_timeout: float = options.pop("request_timeout", REQUEST_TIMEOUT)
        self.replicas: int = options.pop("replicas", 1)
        require_positive("NatsServer", request_timeout=self.request_timeout, replicas=self.replicas)
        self._tls = {
            name: options.pop(name, None)
            for name in ("tls_ca_file", "tls_cert_file", "tls_key_file")
        }
        self._given: dict[str, Any] = options.pop("connect_options", None) or {}
        self._given |= {name: value for name, value in options.items() if value is not None}
        scheme, hosts, self._login = _parsed(url)
        self._is_tls = scheme == "nats+tls" or any(self._tls.values())
        self.address = ",".join(hosts)
        self._urls = [f"nats://{host}" for host in hosts]

    @property
    def count(self) -> int:
        """The number of servers of the URL."""
        return len(self._urls)

    def connect_options(self) -> dict[str, Any]:
        """Return the arguments of `nats.connect`."""
        options: dict[str, Any] = {
            "servers": self._urls,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_WAIT,
            "connect_timeout": CONNECT_TIMEOUT,
            "ping_interval": PING_INTERVAL,
            "pending_size": 0,  # nothing is sent while there is no connection
            "name": "taskiq",
            **self._login,
        }
        if self._is_tls:
            options["tls"] = self._ssl_context()
        return {**options, **self._given}

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._tls["tls_ca_file"])
        if self._tls["tls_cert_file"]:
            context.load_cert_chain(self._tls["tls_cert_file"], self._tls["tls_key_file"])
        return context


def _parsed(url: str) -> tuple[str, list[str], dict[str, str]]:
    """Return the scheme, the hosts with ports and the login of a URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise NatsUrlError(reason=f"it does not begin with {' or '.join(SCHEMES)} and ://")
    login, _, hosts = rest.rstrip("/").rpartition("@")
    found: list[str] = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host}")
            port = parts.port or 4222
        except ValueError as error:
            raise NatsUrlError(reason=f"a host or port of it can't be read: {error}") from None
        if not parts.hostname or parts.path:
            raise NatsUrlError(reason="a host of it is empty, or has a path")
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        found.append(f"{name}:{port}")
    return scheme, found, _credentials(login)


def _credentials(login: str) -> dict[str, str]:
    if not login:
        return {}
    parts = urlsplit(f"//{login}@host")
    if parts.password is None:
        return {"token": _unquoted(parts.username)}
    return {"user": _unquoted(parts.username), "password": _unquoted(parts.password)}


def _unquoted(text: str | None) -> str:
    return unquote(text or "")
