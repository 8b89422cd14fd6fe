"""Options of the classes of 1.x: those of the class that they derive from, and of connections."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.credentials import CredentialProvider

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.messages.history import HistoryOptions
from taskiq_redis.storage.connection_options import ENCRYPTED, PLAIN, keywords_of

# --- types, for editors ---------------------------------------------------------------------------


class ConnectionOptions(TypedDict, total=False):
    """Options of redis-py's connections; every option in their signatures is accepted."""

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
    """Options of `PubSubBroker` and of connections."""

    socket_timeout: float


class BrokerOptions(ConnectionOptions, total=False):
    """Options of `RedisBroker`, and of connections."""

    lease: float
    result_ex_time: int
    max_message_size: int
    poll_interval: float
    socket_timeout: float
    history: HistoryOptions | None


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


# --- checks ---------------------------------------------------------------------------------------


def own_options(base: type) -> frozenset[str]:
    """Return the options of a class but for its server, which subclasses take in their own ways."""
    return keywords_of(base) - {"url", "redis_url", "server"}


def divide(
    owner: object, options: Mapping[str, Any], *, own: Collection[str], connections: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide options into those of the owner's base class and those of connections.

    Args:
        owner: the object that was given the options.
        options: all of them, by name.
        own: names of the base class's options.
        connections: names of the options of connections.

    Returns:
        The options of the base class, and those of connections.

    Raises:
        ValueError: an option is unknown.
    """
    refuse_unknown(type(owner).__name__, options, {*own, *connections})
    ours = {name: value for name, value in options.items() if name in own}
    theirs = {name: value for name, value in options.items() if name not in own}
    return ours, theirs


def refuse_unknown(owner: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that neither the class nor its connections know.

    Args:
        owner: the class that was given the options, for the error.
        options: what it was given, by name.
        known: the names that it knows itself.

    Raises:
        ValueError: an option is unknown; names a known one that is similar.
    """
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
