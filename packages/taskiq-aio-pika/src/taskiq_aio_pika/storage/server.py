"""The servers of a URL: addresses to try, and what of them may be shown."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yarl import URL

from taskiq_aio_pika.errors import RabbitUrlError
from taskiq_aio_pika.options import HEARTBEAT, SCHEMES, require_connection_option


@dataclass(frozen=True, repr=False)
class Server:
    """A server, or the nodes of a cluster.

    Attributes:
        urls: one for each node, with credentials.
        address: hosts and virtual host, without credentials.
        ssl_context: for `amqps`; None for one that the URL describes.
    """

    urls: Sequence[URL]
    address: str
    ssl_context: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"Server({self.address})"


def parse_server(url: str, ssl_context: ssl.SSLContext | None = None) -> Server:
    """Read `amqp://user:password@host1:5672,host2/vhost?heartbeat=10`.

    Args:
        url: with several hosts, they are tried in this order.
        ssl_context: for `amqps`.

    Raises:
        RabbitUrlError: the URL can't be understood; the message does not hold it.
    """
    scheme, has_scheme, rest = url.partition("://")
    if not has_scheme or scheme not in SCHEMES:
        raise RabbitUrlError(reason=f"it begins with neither {'://, nor '.join(SCHEMES)}://")
    place, _, query = rest.partition("?")
    authority, _, vhost = place.partition("/")
    credentials, has_credentials, hosts = authority.rpartition("@")
    prefix = f"{credentials}@" if has_credentials else ""
    names = [host.strip() or "localhost" for host in hosts.split(",")]
    urls = [_url(f"{scheme}://{prefix}{name}/{vhost}", query) for name in names]
    shown = ",".join(f"{each.host}:{each.port}" for each in urls)
    return Server(urls, f"{shown}/{vhost}".rstrip("/"), ssl_context)


def _url(address: str, query: str) -> URL:
    default_port = 5671 if address.startswith("amqps") else 5672
    try:
        url = URL(f"{address}?{query}" if query else address)
        url = url if url.port else url.with_port(default_port)
    except ValueError:
        # Its text may hold the password.
        raise RabbitUrlError(reason="its host or port can't be read") from None
    if not url.host:
        raise RabbitUrlError(reason="it names no host")
    for name in url.query:
        require_connection_option(name)
    if "heartbeat" in url.query:
        _require_heartbeat(url.query["heartbeat"])
        return url
    return url.update_query(heartbeat=str(HEARTBEAT))


def _require_heartbeat(text: str) -> None:
    if not text.isdecimal() or not 0 < int(text) <= 600:  # noqa: PLR2004  # ten minutes
        raise RabbitUrlError(reason=f"its option heartbeat is {text!r}, not 1 to 600 seconds")


def url_of_parts(
    *,
    host: str = "localhost",
    port: int | None = None,
    login: str = "guest",
    password: str = "guest",  # noqa: S107  # the server's own default
    virtualhost: str = "/",
    ssl: bool = False,
    **unknown: Any,
) -> str:
    """Return the URL that the keyword arguments of taskiq-aio-pika 0.6 describe.

    Args:
        host: of the server.
        port: that of the scheme by default.
        login: the user.
        password: of the user.
        virtualhost: the virtual host.
        ssl: whether the connection is encrypted.
        unknown: refused.

    Raises:
        TypeError: an argument is unknown.
    """
    if unknown:
        raise TypeError(f"AioPikaBroker got unexpected arguments: {', '.join(sorted(unknown))}")
    scheme = "amqps" if ssl else "amqp"
    url = URL.build(scheme=scheme, host=host, port=port, user=login, password=password)
    vhost = "" if virtualhost == "/" else virtualhost.replace("/", "%2F")
    return f"{url}/{vhost}"
