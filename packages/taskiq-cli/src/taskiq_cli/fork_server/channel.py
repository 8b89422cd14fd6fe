"""The messages between the supervisor and the fork server.

One socket, one message at a time: `{"arguments": [...]}` with a worker's two descriptors, and as
the reply `{"pid": ...}`, or `{"error": ..., "errno": ...}`. The end of the socket is the end of the
fork server.
"""

from __future__ import annotations

import json
import socket

TYPE_CHECKING = False  # typing is not worth its memory in the supervisor
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 1 << 20
"""Bytes of a message; the arguments of a process are shorter."""


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Make the two ends: for the supervisor, and for the fork server."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_message(
    channel: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()
) -> None:
    """Send a message.

    Args:
        channel: one of the two ends.
        message: of values that JSON has.
        descriptors: what the receiver gets a copy of.

    Raises:
        OSError: the other end is closed, or does not take the message in time.
    """
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive_message(
    channel: socket.socket, descriptors: int = 0
) -> tuple[dict[str, Any], list[int]] | None:
    """Wait for a message.

    Args:
        channel: one of the two ends.
        descriptors: how many come with it.

    Returns:
        The message and its descriptors; None at the end.

    Raises:
        OSError: nothing came in time.
    """
    data, received, _flags, _address = socket.recv_fds(channel, _LONGEST, descriptors)
    return (json.loads(data), received) if data else None
