"""Which option of a form is whose: the engine's that it is a form of, or that of connections."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, Final, TypedDict

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.credentials import CredentialProvider

from taskiq_core.abc.serializer import TaskiqSerializer

# --- as editors see them --------------------------------------------------------------------------


class ConnectionOptions(TypedDict, total=False):
    """Options of redis-py's connections; all that its signatures have are taken."""

    username: str | None
    password: str | None
    credential_provider: CredentialProvider | None
    db: int | str
    client_name: str | None
    connection_class: type[AbstractConnection]
    max_connections: int
    health_check_interval: float
    retry: Retry | None
    retry_on_error: list[type[Exception]]
    retry_on_timeout: bool
    socket_connect_timeout: float | None
    socket_keepalive: bool
    socket_keepalive_options: Mapping[int, int | bytes] | None
    socket_read_size: int
    ssl: bool  # for Sentinel; elsewhere the URL says so
    ssl_ca_certs: str | None
    ssl_ca_data: str | None
    ssl_ca_path: str | None
    ssl_cert_reqs: str | int
    ssl_certfile: str | None
    ssl_check_hostname: bool
    ssl_ciphers: str | None
    ssl_keyfile: str | None
    ssl_min_version: int | None
    ssl_password: str | None


class PubSubOptions(ConnectionOptions, total=False):
    """Options of `PubSubBroker`, and of connections."""

    socket_timeout: float


class BrokerOptions(ConnectionOptions, total=False):
    """Options of `RedisBroker`, and of connections."""

    lease: float
    result_ex_time: int
    max_message_size: int
    poll_interval: float
    socket_timeout: float


class ResultOptions(ConnectionOptions, total=False):
    """Options of `RedisAsyncResultBackend`, and of connections."""

    poll_interval: float
    socket_timeout: float


class ScheduleOptions(ConnectionOptions, total=False):
    """Options of `ListRedisScheduleSource`, and of connections."""

    max_connection_pool_size: int | None
    serializer: TaskiqSerializer | None
    buffer_size: int
    skip_past_schedules: bool
    claim_lease: float
    claim_memory: float
    socket_timeout: float


# --- as signatures have them ----------------------------------------------------------------------


def keywords_of(made: type) -> frozenset[str]:
    """What a class can be given by name when it is made, as its constructor says.

    One that takes any keyword passes those that it does not know to its base.
    """
    names: set[str] = set()
    for each in made.__mro__:
        parameters = signature(each.__init__).parameters  # type: ignore[misc]  # it is not called
        kinds = {name: parameter.kind for name, parameter in parameters.items() if name != "self"}
        names.update(name for name, kind in kinds.items() if kind in _BY_NAME)
        if Parameter.VAR_KEYWORD not in kinds.values():
            break
    return frozenset(names)


def own_options(engine: type) -> frozenset[str]:
    """What an engine takes, but for where its server is: that, its forms say in their own ways."""
    return keywords_of(engine) - {"url", "redis_url", "server"}


_BY_NAME: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_POOL: Final = keywords_of(ConnectionPool)
PLAIN: Final = _POOL | keywords_of(Connection)
"""Options of a connection without TLS."""
ENCRYPTED: Final = _POOL | keywords_of(SSLConnection)
"""Options of one with TLS."""
_BY_SCHEME: Final = {
    "rediss": ENCRYPTED,
    "unix": _POOL | keywords_of(UnixDomainSocketConnection),
}


def connection_options(url: str) -> frozenset[str]:
    """Options of connections to a URL."""
    return _BY_SCHEME.get(url.partition(":")[0], PLAIN)


# --- dividing -------------------------------------------------------------------------------------


def divide(
    form: object, options: Mapping[str, Any], *, own: Collection[str], connections: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The engine's options, and those of connections.

    Args:
        form: whose options they are.
        options: all of them.
        own: names of the engine's.
        connections: names of those of connections.

    Raises:
        ValueError: one is neither.
    """
    refuse_unknown(type(form).__name__, options, {*own, *connections})
    ours = {name: value for name, value in options.items() if name in own}
    theirs = {name: value for name, value in options.items() if name not in own}
    return ours, theirs


def refuse_unknown(owner: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise ValueError, that says what may be meant, for the first option that nobody knows."""
    known = {*known, *_keywords_of_class(options.get("connection_class"))}
    for name in options:
        if name not in known:
            raise ValueError(
                f"{owner} has no option {name!r}, and neither have the connections of redis-py "
                f"that it makes. {_advice(name, known)}"
            )


def _keywords_of_class(connection_class: object) -> frozenset[str]:
    return keywords_of(connection_class) if isinstance(connection_class, type) else frozenset()


def _advice(name: str, known: Collection[str]) -> str:
    if name == "ssl" or name in ENCRYPTED - PLAIN:
        return "For TLS, begin the URL with rediss://, or give ssl=True where there are sentinels."
    similar = get_close_matches(name, known, 1)
    return f"Did you mean {similar[0]!r}?" if similar else "Leave it out."
