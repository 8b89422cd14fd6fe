"""Servers: at a URL, or where sentinels or the nodes of a cluster say."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, RedisCluster
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import AuthenticationError, RedisError

from taskiq_redis.errors import RedisLoginError, RedisUnreachableError, RedisUrlError
from taskiq_redis.storage.connection_options import (
    DRIVER_INFO,
    connection_options,
    keywords_of,
)

UNREADABLE: Final = (
    "its host or port can't be read. If the password has special characters, quote them: "
    "%23 for #, %2F for /, %40 for @"
)
CONNECT_TIMEOUT: Final = 5.0
"""Seconds that connecting may take, unless socket_connect_timeout says otherwise."""
# Read time-outs are those of `PipelinedConnection`: a connection that waits is not one that hangs.
# Subscriptions are read as the second version of the protocol has them.
_FIXED: Final[Mapping[str, Any]] = {
    "socket_timeout": None,
    "protocol": 2,
    "decode_responses": False,
}
_SETTINGS: Final[Mapping[str, Any]] = {
    "socket_connect_timeout": CONNECT_TIMEOUT,
    "socket_keepalive": True,
    **DRIVER_INFO,
    **_FIXED,
}
_FOR_CLUSTER: Final = keywords_of(RedisCluster)


class Server(Protocol):
    """Opens connections to the server that has a key."""

    @property
    def address(self) -> str:
        """The address for messages, without a password."""
        ...

    async def connect(self, key: str) -> AbstractConnection:
        """Open a connection to the server that has `key`; the caller closes it.

        Raises:
            RedisUnreachableError: the server can't be reached, or refuses the user.
        """
        ...


class SingleServer:
    """The server at a URL.

    Args:
        url: `redis://user:password@host:port/db`, `rediss://` for TLS, `unix:///path`.
        options: for redis-py's connections; they are used for options of the URL, too.

    Raises:
        RedisUrlError: the URL can't be understood.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.address = _address_of(url)
        try:
            known = connection_options(url)
            settings = {name: value for name, value in _SETTINGS.items() if name in known}
            pool = ConnectionPool.from_url(url, **{**settings, **options})
            pool.make_connection()  # type: ignore[no-untyped-call]  # only checks options
        except (ValueError, TypeError) as error:
            # Not chained: the URL is in the chain.
            raise RedisUrlError(reason=_unknown_option(error) or str(error)) from None
        # What is in the URL wins in redis-py.
        pool.connection_kwargs.update(_FIXED)
        self._pool = pool

    async def connect(self, key: str) -> AbstractConnection:
        """Open a connection; the server has all keys."""
        del key
        return await _connected(self._pool, self.address)


class SentinelServer:
    """The master that sentinels name; after a failover, the new one.

    Args:
        sentinels: host and port of each sentinel.
        master_name: the name of the master in their configuration.
        min_other_sentinels: how many others a sentinel must know to be believed.
        sentinel_kwargs: options of the connections to sentinels.
        options: of the connections to the master.
    """

    def __init__(
        self,
        sentinels: Sequence[tuple[str, int]],
        master_name: str,
        *,
        min_other_sentinels: int = 0,
        sentinel_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._sentinels = list(sentinels)
        self._master_name = master_name
        self._min_other_sentinels = min_other_sentinels
        self._sentinel_kwargs = {"socket_timeout": CONNECT_TIMEOUT, **(sentinel_kwargs or {})}
        self._options = {**_SETTINGS, **options, **_FIXED}
        self.address = f"the master {master_name!r}"

    async def connect(self, key: str) -> AbstractConnection:
        """Ask the sentinels for the master, and open a connection to it."""
        del key
        manager = Sentinel(  # type: ignore[no-untyped-call]  # it has no types
            self._sentinels,
            min_other_sentinels=self._min_other_sentinels,
            sentinel_kwargs=self._sentinel_kwargs,
        )
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            self._master_name, manager, **self._options
        )
        opened: list[AbstractConnection] = []
        try:
            # Each sentinel that does not answer takes its time.
            steps = len(self._sentinels) + 1
            opened.append(await _connected(pool, self.address, steps=steps))
        finally:
            closings = (sentinel.aclose() for sentinel in manager.sentinels)
            if await _is_cancelled_during(asyncio.gather(*closings, return_exceptions=True)):
                for connection in opened:
                    await connection.disconnect(nowait=True)
                raise asyncio.CancelledError
        return opened[0]


class ClusterServer:
    """The nodes of a cluster.

    Args:
        url: of any node.
        options: for redis-py's connections.
    """

    def __init__(self, url: str, **options: Any) -> None:
        if options.pop("ssl", False):
            url = urlsplit(url)._replace(scheme="rediss").geturl()
        for_nodes = connection_options(url) | (options.keys() - _FOR_CLUSTER)
        self._url = url
        self._options = {name: options[name] for name in options if name in _FOR_CLUSTER}
        self._node_options = {name: options[name] for name in options if name in for_nodes}
        self.address = f"the cluster at {SingleServer(url, **self._node_options).address}"

    async def connect(self, key: str) -> AbstractConnection:
        """Ask the cluster for the node that has `key`, and open a connection to it."""
        try:
            async with RedisCluster.from_url(self._url, **self._options) as cluster:
                node = cluster.get_node_from_key(key)
        except (RedisError, OSError) as error:
            raise RedisUnreachableError(address=self.address, reason=str(error)) from error
        if node is None:
            raise RedisUnreachableError(address=self.address, reason="no node has the key's slot")
        url = urlsplit(self._url)
        credentials = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
        host = f"[{node.host}]" if ":" in node.host else node.host
        found = url._replace(netloc=f"{credentials}{host}:{node.port}", path="")
        return await SingleServer(found.geturl(), **self._node_options).connect(key)


async def _is_cancelled_during(closing: "asyncio.Future[Any]") -> bool:
    """Wait until connections are closed, also if the caller is cancelled meanwhile.

    Returns:
        Whether the caller was cancelled.
    """
    is_cancelled = False
    while not closing.done():
        try:
            await asyncio.wait({closing})
        except asyncio.CancelledError:
            is_cancelled = True
    return is_cancelled


async def _connected(pool: ConnectionPool, address: str, *, steps: int = 1) -> AbstractConnection:
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    # redis-py's own limit ends when the socket is open, and a server that hangs accepts sockets.
    limit: float = steps * (pool.connection_kwargs.get("socket_connect_timeout") or CONNECT_TIMEOUT)
    # In a task: redis-py uses asyncio.wait_for, which swallows cancellations in Python 3.11.
    connecting = asyncio.ensure_future(connection.connect())  # type: ignore[no-untyped-call]
    try:
        await asyncio.wait({connecting}, timeout=limit)
        if not connecting.done():
            raise TimeoutError(f"it has not answered for {limit:g} s")  # noqa: TRY301  # as others
        connecting.result()
    except BaseException as error:
        await _give_up(connection, connecting)
        if isinstance(error, RedisError | OSError):
            raise _unreachable(address, connection, error) from error
        raise
    return connection


async def _give_up(connection: AbstractConnection, connecting: "asyncio.Future[None]") -> None:
    while not connecting.done():
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=0.1)
    if not connecting.cancelled():
        connecting.exception()  # retrieved: it may have failed in the same moment
    await connection.disconnect(nowait=True)


def _unreachable(
    address: str, connection: AbstractConnection, error: Exception
) -> RedisUnreachableError:
    has_tls = isinstance(connection, SSLConnection)
    reason = str(error).rstrip(".") or type(error).__name__
    cause = error.__context__
    advice = RedisUnreachableError.advice
    if isinstance(error, AuthenticationError):
        return RedisLoginError(address=address, reason=reason)
    if "certificate verify failed" in reason:
        advice = "Give the certificate of the authority that signed its own: ssl_ca_certs=FILE."
    elif has_tls and isinstance(cause, FileNotFoundError):
        advice = "Look at the files that ssl_ca_certs, ssl_certfile and ssl_keyfile name."
    elif has_tls:
        advice = "Is it running there, and with TLS? Without it, its URL begins with redis://."
    elif not isinstance(cause, ConnectionRefusedError):
        advice = "Is it running there, and without TLS? With it, its URL begins with rediss://."
    return RedisUnreachableError(address=address, reason=reason, advice=advice)


def _unknown_option(error: Exception) -> str:
    """Return what is wrong if redis-py does not know an option; "" for any other error."""
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if found is None:
        return ""
    return (
        f"neither taskiq-redis nor redis-py has an option {found[1]!r}. Leave it out, or look at "
        "its spelling; options of TLS need a URL that begins with rediss://"
    )


def _address_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        address = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        # The unreadable part may be a piece of the password: it must not be shown.
        raise RedisUrlError(reason=UNREADABLE) from None
    return parts.path if parts.scheme == "unix" else address
