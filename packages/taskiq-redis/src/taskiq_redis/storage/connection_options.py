"""The options of redis-py's connections, as the signatures of its classes have them."""

from inspect import Parameter, signature
from typing import Any, Final

from redis.asyncio.connection import (
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)


def keywords_of(made: type) -> frozenset[str]:
    """Return the keyword arguments of a class's constructor.

    A constructor that takes any keyword passes the ones that it does not know to its base.
    """
    names: set[str] = set()
    for each in made.__mro__:
        parameters = signature(each.__init__).parameters  # type: ignore[misc]  # it is not called
        kinds = {name: parameter.kind for name, parameter in parameters.items() if name != "self"}
        names.update(name for name, kind in kinds.items() if kind in _BY_NAME)
        if Parameter.VAR_KEYWORD not in kinds.values():
            break
    return frozenset(names)


_BY_NAME: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_POOL: Final = keywords_of(ConnectionPool)
PLAIN: Final = _POOL | keywords_of(Connection)
"""Options of a connection without TLS."""
ENCRYPTED: Final = _POOL | keywords_of(SSLConnection)
"""Options of a connection with TLS."""
_BY_SCHEME: Final = {
    "rediss": ENCRYPTED,
    "unix": _POOL | keywords_of(UnixDomainSocketConnection),
}


def _driver_info() -> dict[str, Any]:
    """Return the option by which redis-py, from 7.2 on, does not look its version up again."""
    if "driver_info" not in PLAIN:
        return {}
    from redis.driver_info import DriverInfo  # noqa: PLC0415  # older versions lack it

    return {"driver_info": DriverInfo()}


DRIVER_INFO: Final = _driver_info()
"""Made once, and shared by all connections: it takes a megabyte to read a version."""


def connection_options(url: str) -> frozenset[str]:
    """Return the options of connections to a URL."""
    return _BY_SCHEME.get(url.partition(":")[0], PLAIN)
