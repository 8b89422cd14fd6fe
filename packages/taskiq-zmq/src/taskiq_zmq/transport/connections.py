"""Connections: disconnecting a peer of a bound socket, which libzmq has no call for."""

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

HEARTBEAT_BYTES: Final = 64
"""Bytes between two checks that count as heartbeats, and not as part of a message."""
_TCP_INFO_SIZE: Final = 136
_BYTES_RECEIVED_AT: Final = 128  # tcpi_bytes_received of struct tcp_info, since Linux 4.1
_CAN_COUNT: Final = sys.platform == "linux"


class Connections:
    """The accepted connections of a bound socket, by file descriptor.

    libzmq bounds the frames of a message but not their number, and shows a message only when its
    last frame has come; until then it holds all of them. So the bytes that the kernel has received
    are counted: a connection that receives more than `limit` bytes without completing a message is
    shut down. Only Linux counts them, and only for TCP.

    A file descriptor is libzmq's, which may have closed it a moment ago. It is used only if it is a
    connection to `bound_address`; at worst another worker is disconnected, and connects again.

    Args:
        bound_address: as libzmq reports it.
        limit: bytes that one message may have.
    """

    def __init__(self, bound_address: str, limit: int) -> None:
        self._limit = limit
        scheme, _, rest = bound_address.partition("://")
        self._name: object = int(rest.rpartition(":")[2]) if scheme == "tcp" else rest
        self._counts = _CAN_COUNT and scheme == "tcp"
        self._received: dict[int, tuple[int, int]] = {}
        """Bytes received at the last complete message, and at the last check."""
        self._heard: set[int] = set()

    def __len__(self) -> int:
        return len(self._received)

    def accepted(self, fd: int) -> None:
        """Add a new connection."""
        if self._counts:
            self._received[fd] = 0, 0

    def closed(self, fd: int) -> None:
        """Remove a connection."""
        self._received.pop(fd, None)

    def heard(self, fd: int) -> None:
        """Note that a complete message came over a connection."""
        self._heard.add(fd)

    def shut_down(self, fd: int) -> None:
        """End a connection: libzmq finds it closed by its peer."""
        with _borrowed(fd) as connection:
            if connection is not None and self._is_ours(connection):
                connection.shutdown(socket.SHUT_RDWR)

    def find_endless(self, read_all: Callable[[], None]) -> list[int]:
        """Find connections whose unfinished message is larger than `limit`.

        Args:
            read_all: reads complete messages, and calls `heard` for each.

        Returns:
            Their file descriptors.
        """
        suspects = list(self._overdue())
        if suspects:
            read_all()
        return [fd for fd in suspects if fd not in self._heard]

    def _overdue(self) -> Iterator[int]:
        heard, self._heard = self._heard, set()
        for fd, (at_last_message, at_check) in list(self._received.items()):
            received = self._bytes_received(fd)
            if received is None:
                del self._received[fd]
                continue
            at_message = at_last_message
            if fd in heard:
                at_message = received
            elif received - at_check <= HEARTBEAT_BYTES:
                at_message += received - at_check
            self._received[fd] = at_message, received
            if received - at_message > self._limit:
                yield fd

    def _bytes_received(self, fd: int) -> int | None:
        info = b""
        with _borrowed(fd) as connection:
            if connection is None or not self._is_ours(connection):
                return None
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        if len(info) < _TCP_INFO_SIZE:
            return None
        (received,) = struct.unpack_from("Q", info, _BYTES_RECEIVED_AT)
        return int(received)

    def _is_ours(self, connection: socket.socket) -> bool:
        name = connection.getsockname()
        return bool((name[1] if isinstance(name, tuple) else name) == self._name)


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket | None]:
    """Yield a socket that leaves its descriptor open; None if there is no such socket."""
    try:
        connection = socket.socket(fileno=fd)
    except (OSError, ValueError):
        yield None
        return
    try:
        yield connection
    except OSError:
        pass  # closed meanwhile
    finally:
        connection.detach()
