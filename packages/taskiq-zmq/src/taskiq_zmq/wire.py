"""What both ends of a connection agree on: sizes, heartbeats, keys."""

from dataclasses import dataclass, field
from typing import Final

import zmq

from taskiq_zmq.addresses import Address
from taskiq_zmq.curve import CurveKeys
from taskiq_zmq.outbox import BATCH_BYTES

RECORD_OVERHEAD: Final = 200_000
"""Bytes that a record has at most beside the message in it: two texts of 64 KiB, and numbers."""
_RECONNECT_MILLISECONDS: Final = 50
_RECONNECT_MAX_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """How a connection is known to stand when nothing is sent.

    They are exchanged by libzmq's own thread: a worker that is busy with a plain function is not
    taken for dead, one that is stopped or cut off is.

    Attributes:
        interval: seconds between two of them.
        timeout: seconds of silence after which the other end is taken for dead.
    """

    interval: float = 1.0
    timeout: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.interval < self.timeout:
            raise ValueError("Heartbeats: interval must be above 0 and below timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOptions:
    """Options of every socket.

    Attributes:
        max_message_size: bytes that one task or result may have.
    """

    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    curve: CurveKeys | None = None
    max_message_size: int = 16 * 1024 * 1024

    def prepare(self, socket: "zmq.Socket[bytes]", address: Address) -> None:
        """Set what both ends have in common, before the socket is bound or connected."""
        socket.linger = 0
        socket.maxmsgsize = self.max_message_size + RECORD_OVERHEAD + BATCH_BYTES
        socket.ipv6 = address.is_ipv6
        socket.heartbeat_ivl = int(self.heartbeats.interval * 1000)
        socket.heartbeat_timeout = int(self.heartbeats.timeout * 1000)
        socket.reconnect_ivl = _RECONNECT_MILLISECONDS
        socket.reconnect_ivl_max = _RECONNECT_MAX_MILLISECONDS
