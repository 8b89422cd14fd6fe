"""ZeroMQ addresses: parsed, checked and resolved early, so that errors are clear."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from taskiq_zmq.errors import AddressError

_MAX_PORT: Final = 65_535
_FORMS: Final = "it must look like tcp://host:port or ipc:///path"


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, or the path of a Unix socket.

    Attributes:
        host: empty for a Unix socket.
        port: 0 for any free port.
        path: empty for TCP.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is a literal IPv6 address."""
        return ":" in self.host

    def __str__(self) -> str:
        if self.path:
            return f"ipc://{self.path}"
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"tcp://{host}:{self.port or '*'}"


def parse_address(text: str, *, broker: str) -> Address:
    """Parse an address; to bind, port 0 or * stands for any free port.

    Raises:
        AddressError: the text is not an address.
    """
    scheme, separator, rest = text.partition("://")
    if scheme == "ipc" and rest:
        return Address(path=rest)
    host, colon, port = rest.rpartition(":")
    if scheme != "tcp" or not separator or not colon or not host:
        raise AddressError(broker=broker, address=repr(text), reason=_FORMS)
    number = 0 if port == "*" else int(port) if port.isdecimal() else -1
    if not 0 <= number <= _MAX_PORT:
        reason = f"{port!r} is not a port, {_FORMS}"
        raise AddressError(broker=broker, address=repr(text), reason=reason)
    return Address(host=host.removeprefix("[").removesuffix("]"), port=number)


async def resolve(address: Address, *, broker: str) -> Address:
    """Replace the host name of an address by its number, IPv4 if there is one.

    libzmq resolves names itself, but does not report a failure.

    Raises:
        AddressError: the name can't be resolved.
    """
    if address.path or address.host == "*" or _is_number(address.host):
        return address
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        reason = f"the name {address.host!r} can't be resolved ({error}); is it spelled right?"
        raise AddressError(broker=broker, address=str(address), reason=reason) from error
    families = {entry[0]: str(entry[4][0]) for entry in reversed(found)}
    host = families.get(socket.AF_INET) or families[socket.AF_INET6]
    return Address(host=host, port=address.port)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
