"""Where a server is: at a URL, or where sentinels or the nodes of a cluster say."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import RedisError

from taskiq_redis.errors import RedisUnreachableError, RedisUrlError

CONNECT_TIMEOUT: Final = 5.0
"""Seconds that connecting may take, unless socket_connect_timeout says otherwise."""
# Read time-outs are ours (`line`): a connection that waits is not one that hangs.
_SETTINGS: Final[Mapping[str, Any]] = {
    "socket_timeout": None,
    "socket_connect_timeout": CONNECT_TIMEOUT,
    "socket_keepalive": True,
    "protocol": 2,
    "decode_responses": False,
}


class Server(Protocol):
    """Makes connections to the server that has a key."""

    @property
    def address(self) -> str:
        """For messages; never with a password."""
        ...

    async def connect(self, key: str) -> AbstractConnection:
        """A connection of one's own, connected.

        Raises:
            RedisUnreachableError: the server can't be reached, or refuses us.
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
        try:
            pool = ConnectionPool.from_url(url, **{**_SETTINGS, **options})
        except (ValueError, TypeError) as error:
            raise RedisUrlError(reason=str(error)) from None  # the URL is in the chain
        # What is in the URL wins in redis-py; a time-out for reading would cut waits short.
        pool.connection_kwargs["socket_timeout"] = None
        self._pool = pool
        self.address = _address_of(url)

    async def connect(self, key: str) -> AbstractConnection:
        """A connection to the server; it has all keys."""
        del key
        return await _connected(self._pool, self.address)


class SentinelServer:
    """The master that sentinels name; after a failover, the new one.

    Args:
        sentinels: host and port of each sentinel.
        master_name: what they call the master.
        min_other_sentinels: how many others a sentinel must know to be believed.
        sentinel_kwargs: options of the connections to sentinels.
        options: of those to the master.
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
        self._options = {**_SETTINGS, **options, "socket_timeout": None}
        self.address = f"the master {master_name!r}"

    async def connect(self, key: str) -> AbstractConnection:
        """A connection to the master of now, which the sentinels are asked for each time."""
        del key
        manager = Sentinel(  # type: ignore[no-untyped-call]  # it has no types
            self._sentinels,
            min_other_sentinels=self._min_other_sentinels,
            sentinel_kwargs=self._sentinel_kwargs,
        )
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            self._master_name, manager, **self._options
        )
        try:
            return await _connected(pool, self.address)
        finally:
            for sentinel in manager.sentinels:
                await sentinel.aclose()


class ClusterServer:
    """The nodes of a cluster.

    Args:
        url: of any node.
        options: for redis-py's connections.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self.address = f"the cluster at {_address_of(url)}"

    async def connect(self, key: str) -> AbstractConnection:
        """A connection to the node that has a key now."""
        try:
            async with RedisCluster.from_url(self._url, **self._options) as cluster:
                node = cluster.get_node_from_key(key)
        except (RedisError, OSError) as error:
            raise RedisUnreachableError(address=self.address, reason=str(error)) from error
        if node is None:
            raise RedisUnreachableError(address=self.address, reason="no node has the key's slot")
        url = urlsplit(self._url)
        credentials = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
        found = url._replace(netloc=f"{credentials}{node.host}:{node.port}", path="")
        return await SingleServer(found.geturl(), **self._options).connect(key)


async def _connected(pool: ConnectionPool, address: str) -> AbstractConnection:
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except (RedisError, OSError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise RedisUnreachableError(address=address, reason=reason) from error
    except asyncio.CancelledError:
        await connection.disconnect(nowait=True)
        raise
    return connection


def _address_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    try:
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        return parts.hostname or "localhost"
